/**
 * What makes a machine this machine: restored on another host it would cut that host off, or make two of one. Of a tree
 * that is brought to another host, these stay as they are there. Paths of the Debian and Red Hat families.
 */

export type MachineFilesGroup = 'network' | 'disks' | 'machine identity' | 'SSH host keys' | 'firewall'

export const machineFiles: Readonly<Record<MachineFilesGroup, readonly string[]>> = {
  network: [
    '/etc/hostname',
    '/etc/hosts',
    '/etc/resolv.conf',
    '/etc/network',
    '/etc/netplan',
    '/etc/systemd/network',
    '/etc/NetworkManager/system-connections',
    '/etc/sysconfig/network',
    '/etc/sysconfig/network-scripts',
    '/etc/dhcpcd.conf',
    '/etc/wpa_supplicant',
    '/etc/udev/rules.d/70-persistent-net.rules',
  ],
  disks: ['/etc/fstab', '/etc/crypttab', '/etc/mdadm/mdadm.conf', '/etc/mdadm.conf'],
  'machine identity': ['/etc/machine-id', '/var/lib/dbus/machine-id', '/etc/hostid', '/etc/iscsi/initiatorname.iscsi', '/etc/nvme/hostnqn', '/etc/nvme/hostid'],
  'SSH host keys': ['/etc/ssh/ssh_host_*'],
  firewall: [
    '/etc/nftables.conf',
    '/etc/nftables',
    '/etc/sysconfig/nftables.conf',
    '/etc/iptables',
    '/etc/sysconfig/iptables',
    '/etc/sysconfig/ip6tables',
    '/etc/ufw',
    '/etc/default/ufw',
    '/etc/firewalld',
  ],
}

export const machineFilePatterns: readonly string[] = Object.values(machineFiles).flat()

/** What a pattern of the list stands for; null for any other. */
export function machineFilesGroup(pattern: string): MachineFilesGroup | null {
  const found = (Object.keys(machineFiles) as MachineFilesGroup[]).find((group) => machineFiles[group].includes(pattern))
  return found ?? null
}
