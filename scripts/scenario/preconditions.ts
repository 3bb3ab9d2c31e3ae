/** Whether this machine can be three machines. */
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

const programs: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  knotd: 'knot',
  nsupdate: 'bind9-dnsutils',
  dig: 'bind9-dnsutils',
  age: 'age',
  zstd: 'zstd',
  jq: 'jq',
  ipcrm: 'util-linux',
}

/** @throws Error that says what is missing and what installs it */
export async function refuseWhereImpossible(): Promise<void> {
  if (process.geteuid?.() !== 0) throw new Error('the sites of this scenario are network namespaces, which only root can make: run it as root')
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin']
  const missing: string[] = []
  for (const [program, comes] of Object.entries(programs)) {
    const found = await Promise.all(folders.map((folder) => isThere(join(folder, program))))
    if (!found.includes(true)) missing.push(comes)
  }
  if (missing.length > 0) throw new Error(`programs are missing; install them: apt-get install ${[...new Set(missing)].join(' ')}`)
}

function isThere(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
