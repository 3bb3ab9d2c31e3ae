import { chmod, chown, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { PostgresqlInstance } from '../../adapters/component/postgresql/instance.ts'
import { dropStaleLock } from '../../adapters/component/postgresql/stale-lock.ts'
import { endProcess, processesUsing } from '../../adapters/process/find-processes.ts'
import { lookUpUser } from '../../adapters/process/operating-system-user.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import type { PostgresqlComponentConfig } from '../../domain/config.ts'
import { askPostgres } from './ask-postgres.ts'
import { freePort } from './free-port.ts'

export { freePort }

export interface ClusterOptions {
  /** Page checksums; on by default. */
  readonly checksums?: boolean
  /** Makes a tablespace `side` in a directory of its own. */
  readonly tablespace?: boolean
  readonly port?: number
  /** Lines of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>
}

/** A real PostgreSQL of a test: everything it owns lies in `base`, and `destroy` leaves nothing. */
export interface TestCluster {
  readonly base: string
  readonly directory: string
  readonly port: number
  readonly config: PostgresqlComponentConfig
  readonly instance: PostgresqlInstance
  start(): Promise<void>
  stop(mode?: 'fast' | 'immediate'): Promise<void>
  /** SIGKILL to every process of the server, or of the one on another directory. */
  kill(directory?: string): Promise<void>
  /** Runs SQL as the superuser; rows of the last statement. */
  sql<Row extends object = Record<string, unknown>>(text: string, database?: string): Promise<Row[]>
  /** Runs a program of PostgreSQL as the server's operating-system user. */
  run(program: string, args: readonly string[]): Promise<string>
  /** A new directory in `base` that belongs to the server's user. */
  makeDirectory(name: string): Promise<string>
  destroy(): Promise<void>
}

/** The operating-system user of the test's servers: PostgreSQL refuses to run as root. */
export const clusterUser = process.geteuid?.() === 0 ? 'postgres' : undefined

/** By its name, also where that is whoever runs the tests. */
export const serverUser = clusterUser ?? userInfo().username

const asClusterUser = clusterUser === undefined ? {} : { runAs: clusterUser }

/** Starts a new server on a free port; roles: the superuser `postgres`, and `muster` with what Muster asks for. */
export async function createCluster(options: ClusterOptions = {}): Promise<TestCluster> {
  const bin = await postgresqlBin()
  const base = await mkdtemp(join(tmpdir(), 'muster-pg-'))
  await chmod(base, 0o755)
  const directory = join(base, 'data')
  const port = options.port ?? (await freePort())
  const makeDirectory = async (name: string): Promise<string> => {
    await mkdir(join(base, name), { recursive: true, mode: 0o700 })
    await giveToCluster(join(base, name))
    return join(base, name)
  }
  const run = async (program: string, args: readonly string[]): Promise<string> =>
    (await runTool(join(bin, program), args, { ...asClusterUser, leavesServices: true })).stdout
  await giveToCluster(base)
  const socket = await makeDirectory('socket')
  await run('initdb', [
    '-D',
    directory,
    '-U',
    'postgres',
    '--auth-local=trust',
    '--auth-host=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
    ...(options.checksums === false ? [] : ['--data-checksums']),
  ])
  await configure(directory, {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: socket,
    fsync: 'off',
    log_min_messages: 'warning',
    ...options.settings,
  })
  const config = configOf(directory, socket, port, join(base, 'server.log'), bin)
  const cluster: TestCluster = {
    base,
    directory,
    port,
    config,
    run,
    makeDirectory,
    instance: { system: 'test', component: 'database', config, password: null, runDirectory: join(base, 'run') },
    start: async () => {
      await dropStaleLock(directory)
      await run('pg_ctl', ['start', '-D', directory, '-w', '-l', join(base, 'server.log')])
    },
    stop: async (mode = 'fast') => {
      await run('pg_ctl', ['stop', '-D', directory, '-w', '-m', mode])
    },
    kill: (which = directory) => killUsers(which),
    sql: (text, database = 'postgres') => superuserSql(socket, port, text, database),
    destroy: () => destroy(base),
  }
  try {
    await cluster.start()
    await cluster.sql("create role muster login replication password 'it''s: a \\\\secret'; grant pg_monitor to muster")
    if (options.tablespace) await cluster.sql(`create tablespace side location '${await makeDirectory('side')}'`)
  } catch (error) {
    await destroy(base)
    throw error
  }
  return cluster
}

/** Gives a path to the operating-system user of the test's servers. */
export async function giveToCluster(path: string): Promise<void> {
  if (clusterUser === undefined) return
  const { userId, groupId } = lookUpUser(clusterUser)
  await chown(path, userId, groupId)
}

/** Where the programs of the oldest PostgreSQL of this machine are that is new enough. */
export async function postgresqlBin(): Promise<string> {
  const root = '/usr/lib/postgresql'
  const majors = (await readdir(root).catch(() => [])).filter((name) => Number(name) >= 15)
  const major = majors.sort((a, b) => Number(a) - Number(b))[0]
  if (major !== undefined) return join(root, major, 'bin')
  throw new Error('this test needs PostgreSQL 15 or newer; install it: apt-get install postgresql')
}

async function configure(directory: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const path = join(directory, 'postgresql.conf')
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replace(/'/g, "''")}'\n`)
  await writeFile(path, `${await readFile(path, 'utf8')}${lines.join('')}`)
}

function configOf(directory: string, socket: string, port: number, logFile: string, bin: string): PostgresqlComponentConfig {
  return {
    type: 'postgresql',
    host: 'localhost',
    stores: ['local'],
    dataDirectory: directory,
    connection: { host: socket, port, user: 'muster', database: 'postgres' },
    binDirectory: bin,
    ...(clusterUser === undefined ? {} : { runAs: clusterUser }),
    server: { control: 'pg_ctl', options: [], logFile },
    checkpoint: 'fast',
    wal: { from: 'streaming', shipEverySeconds: 30, every: '15m', whenStoresAreOut: 'protectDatabase' },
    checks: [],
  }
}

function superuserSql<Row extends object>(host: string, port: number, text: string, database: string): Promise<Row[]> {
  return askPostgres<Row>({ host, port, user: 'postgres', database }, text)
}

/** Ends whatever has a file open below a directory: servers restored elsewhere in `base` too. */
async function killUsers(directory: string): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const users = await processesUsing(directory)
    if (users.length === 0) return
    await Promise.all(users.map((user) => endProcess(user, { graceSeconds: 0 })))
  }
}

async function destroy(base: string): Promise<void> {
  await killUsers(base)
  await rm(base, { recursive: true, force: true })
}
