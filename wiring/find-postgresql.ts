/** Finds the PostgreSQL servers of this machine: running ones in /proc, and those that Debian knows of. */
import { readdir, readFile, readlink, realpath, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { listPids, readProcStat } from '../adapters/process/proc-stat.ts'
import { runTool } from '../adapters/process/run-tool.ts'

export interface FoundServer {
  readonly dataDirectory: string
  readonly port: number
  /** Null where it has none, or that is not known. */
  readonly socketDirectory: string | null
  /** Whether it listens on a TCP address of this machine; null while it does not run. */
  readonly listens: boolean | null
  readonly running: boolean
  /** Where the configuration is not in the data directory. */
  readonly configFile: string | null
  /** As `systemctl` names it; null where no unit is known. */
  readonly unit: string | null
  readonly binDirectory: string | null
  /** Operating-system user that the server runs as. */
  readonly user: string | null
  /** Such as `PostgreSQL 15`. */
  readonly versionText: string | null
}

/** Running servers first, then by port. What this user may not look at is not found. */
export async function findServers(): Promise<readonly FoundServer[]> {
  const running = (await Promise.all(listPids().map(lookAtProcess))).filter((one) => one !== null)
  const debian = await findDebianClusters()
  const known = new Set(running.map(({ dataDirectory }) => dataDirectory))
  const merged = running.map((one) => {
    const cluster = debian.find(({ dataDirectory }) => dataDirectory === one.dataDirectory)
    return cluster ? { ...one, configFile: cluster.configFile, unit: cluster.unit } : one
  })
  return [...merged, ...debian.filter(({ dataDirectory }) => !known.has(dataDirectory))].sort(
    (a, b) => Number(b.running) - Number(a.running) || a.port - b.port,
  )
}

/** A postmaster is the process whose number stands in the lock file of its working directory. */
async function lookAtProcess(pid: number): Promise<FoundServer | null> {
  const command = readProcStat(pid)?.command
  if (command !== 'postgres' && command !== 'postmaster') return null
  const directory = await readlink(`/proc/${pid}/cwd`).catch(() => null)
  if (directory === null) return null
  const lock = await readFile(join(directory, 'postmaster.pid'), 'utf8').catch(() => '')
  const [number, , , port, socketDirectory = '', address = ''] = lock.split('\n')
  if (Number(number) !== pid || !port) return null
  const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
  const named = words.map((word) => /^(?:--)?config[_-]file=(.+)$/.exec(word)?.[1]).find((word) => word !== undefined)
  const program = await readlink(`/proc/${pid}/exe`).catch(() => null)
  return {
    dataDirectory: directory,
    port: Number(port),
    socketDirectory: socketDirectory === '' ? null : socketDirectory,
    listens: address.trim() !== '',
    running: true,
    configFile: named !== undefined && !named.startsWith(`${directory}/`) ? named : null,
    unit: null,
    binDirectory: program === null ? null : dirname(program),
    user: await ownerOf(directory),
    versionText: await versionOf(directory),
  }
}

async function findDebianClusters(): Promise<FoundServer[]> {
  const root = '/etc/postgresql'
  const found: FoundServer[] = []
  for (const version of await namesIn(root)) {
    for (const cluster of await namesIn(join(root, version))) {
      const configFile = join(root, version, cluster, 'postgresql.conf')
      const text = await readFile(configFile, 'utf8').catch(() => null)
      const written = text === null ? null : settingIn(text, 'data_directory')
      if (text === null || written === null) continue
      const dataDirectory = await realpath(written).catch(() => written)
      found.push({
        dataDirectory,
        port: Number(settingIn(text, 'port') ?? 5432),
        socketDirectory: settingIn(text, 'unix_socket_directories')?.split(',')[0]?.trim() || null,
        listens: null,
        running: false,
        configFile,
        unit: (await runsSystemd()) ? `postgresql@${version}-${cluster}` : null,
        binDirectory: null,
        user: await ownerOf(dataDirectory),
        versionText: `PostgreSQL ${version}`,
      })
    }
  }
  return found
}

/** The last uncommented line of a setting counts. */
export function settingIn(text: string, name: string): string | null {
  const pattern = new RegExp(`^\\s*${name}\\s*=?\\s*(?:'((?:[^']|'')*)'|([^\\s#']+))`, 'gim')
  const last = [...text.matchAll(pattern)].at(-1)
  return last ? (last[1]?.replaceAll("''", "'") ?? last[2] ?? null) : null
}

async function namesIn(directory: string): Promise<readonly string[]> {
  return (await readdir(directory).catch(() => [] as string[])).sort((a, b) => (a < b ? -1 : 1))
}

async function runsSystemd(): Promise<boolean> {
  return stat('/run/systemd/system').then(
    (facts) => facts.isDirectory(),
    () => false,
  )
}

async function versionOf(directory: string): Promise<string | null> {
  const text = await readFile(join(directory, 'PG_VERSION'), 'utf8').catch(() => null)
  return text === null ? null : `PostgreSQL ${text.trim()}`
}

async function ownerOf(directory: string): Promise<string | null> {
  const facts = await stat(directory).catch(() => null)
  if (facts === null) return null
  const { stdout, exitCode } = await runTool('getent', ['passwd', String(facts.uid)], { okExitCodes: [0, 2] })
  return exitCode === 0 ? (stdout.split(':')[0] ?? null) : null
}
