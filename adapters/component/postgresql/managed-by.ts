import { open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export type ClusterManager = 'patroni' | 'repmgr' | 'pacemaker'

/**
 * Which high-availability manager would undo what is done to this server behind its back, as far as it shows on
 * this host. Null is no proof that there is none.
 */
export async function detectClusterManager(facts: {
  readonly dataDirectory: string
  readonly configFile: string
  readonly preloadLibraries: readonly string[]
}): Promise<ClusterManager | null> {
  const heads = await Promise.all([headOf(facts.configFile), headOf(join(facts.dataDirectory, 'postgresql.conf'))])
  if (heads.some((text) => /overwritten by Patroni/i.test(text))) return 'patroni'
  const names = await readdir(facts.dataDirectory).catch(() => [])
  if (names.some((name) => name.startsWith('patroni.'))) return 'patroni'
  if (facts.preloadLibraries.some((name) => /(^|\/)repmgr$/.test(name))) return 'repmgr'
  const running = await runningPrograms()
  if (running.has('repmgrd')) return 'repmgr'
  if (running.has('pacemakerd')) return 'pacemaker'
  return null
}

async function runningPrograms(): Promise<ReadonlySet<string>> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))
  const names = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')))
  return new Set(names.map((name) => name.trim()))
}

async function headOf(path: string): Promise<string> {
  const handle = await open(path, 'r').catch(() => null)
  if (handle === null) return ''
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(4096), 0, 4096, 0)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await handle.close()
  }
}
