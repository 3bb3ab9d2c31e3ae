/** What a path of this host lies on: a filesystem that another machine serves is known by its source, not by a device number. */
import { readFile, realpath } from 'node:fs/promises'

/** Filesystems whose data is on another machine. A device number says nothing of them: each mount may have its own. */
const served = new Set([
  'nfs',
  'nfs4',
  'cifs',
  'smb3',
  'smbfs',
  'ceph',
  'fuse.ceph',
  'fuse.glusterfs',
  'fuse.sshfs',
  'fuse.rclone',
  'fuse.s3fs',
  'lustre',
  'afs',
])

/** Such as `nas:/export/backup`; null for what lies on this host, or where the host does not say. */
export async function networkSource(path: string, follow: (path: string) => Promise<string> = realpath): Promise<string | null> {
  const [mounts, real] = await Promise.all([readFile('/proc/self/mountinfo', 'utf8').catch(() => ''), follow(path)])
  return networkSourceIn(mounts, real)
}

/** @param mounts text of `/proc/self/mountinfo` */
export function networkSourceIn(mounts: string, path: string): string | null {
  let best: { readonly point: string; readonly type: string; readonly source: string } | null = null
  for (const line of mounts.split('\n')) {
    const [before = '', after = ''] = line.split(' - ')
    const point = unescape(before.split(' ')[4] ?? '')
    const [type = '', source = ''] = after.split(' ')
    const holds = point !== '' && (path === point || path.startsWith(point.endsWith('/') ? point : `${point}/`))
    // Of two mounts on one point the later covers the earlier.
    if (holds && (best === null || point.length >= best.point.length)) best = { point, type, source: unescape(source) }
  }
  return best !== null && served.has(best.type) ? best.source.replace(/\/+$/, '') : null
}

/** Blanks and the like are octal there. */
function unescape(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
