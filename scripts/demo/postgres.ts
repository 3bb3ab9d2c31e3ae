/** The demo's PostgreSQL: a new cluster with a shop in it, run by the operating-system user that PostgreSQL has here. */
import { randomBytes } from 'node:crypto'
import { chown, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { lookUpUser } from '../../adapters/process/operating-system-user.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import type { DemoPlaces } from './places.ts'
import { freePort } from './ports.ts'
import { postgresqlPrograms } from './programs.ts'

export interface ShopDatabase {
  readonly port: number
  readonly binDirectory: string
  /** Null where the demo does not run as root. */
  readonly runAs: string | null
  readonly versionText: string
  /** How the shop itself connects. */
  readonly shop: ShopConnection
}

export interface ShopConnection {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
}

const products = 20_000

export async function createDatabase(places: DemoPlaces): Promise<ShopDatabase> {
  const binDirectory = await postgresqlPrograms()
  const runAs = process.geteuid?.() === 0 ? 'postgres' : null
  const port = await freePort()
  const passwords = { postgres: secret(), muster: secret(), shop: secret() }
  await mkdir(places.disk.database, { mode: 0o700 })
  await writeFile(join(places.secrets, 'postgresql'), passwords.muster, { mode: 0o600 })
  const pwFile = join(places.disk.database, 'superuser')
  await writeFile(pwFile, passwords.postgres, { mode: 0o600 })
  if (runAs) for (const path of [places.disk.database, pwFile]) await giveTo(runAs, path)
  const run = (program: string, args: readonly string[]) =>
    runTool(join(binDirectory, program), args, { ...(runAs && { runAs }), leavesServices: true, timeoutSeconds: 60 })
  const { dataDirectory } = places.disk
  await run('initdb', [
    '-D',
    dataDirectory,
    '-U',
    'postgres',
    '--auth=scram-sha-256',
    `--pwfile=${pwFile}`,
    '--data-checksums',
    '--encoding=UTF8',
    '--locale=C',
  ])
  await writeFile(pwFile, '')
  const settings = { port: String(port), listen_addresses: '127.0.0.1', unix_socket_directories: '', log_min_messages: 'warning' }
  const file = join(dataDirectory, 'postgresql.conf')
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`)
  await writeFile(file, `${await readFile(file, 'utf8')}${lines.join('')}`)
  await run('pg_ctl', ['start', '-D', dataDirectory, '-w', '-l', join(places.disk.database, 'server.log')])
  const superuser = { host: '127.0.0.1', port, user: 'postgres', password: passwords.postgres }
  await fill(superuser, passwords)
  const { stdout } = await run('postgres', ['--version'])
  const shop = { host: '127.0.0.1', port, user: 'shop', password: passwords.shop, database: 'shop' }
  return {
    port,
    binDirectory,
    runAs,
    versionText:
      stdout
        .replace(/^.*\) /, '')
        .split(' ')[0]
        ?.trim() ?? '',
    shop,
  }
}

/** The roles have the rights that `muster init` asks for, and no others. */
async function fill(superuser: Omit<ShopConnection, 'database'>, passwords: { readonly muster: string; readonly shop: string }): Promise<void> {
  await query({ ...superuser, database: 'postgres' }, `create role muster login replication password '${passwords.muster}'`)
  await query({ ...superuser, database: 'postgres' }, 'grant pg_monitor to muster; grant execute on function pg_switch_wal() to muster')
  await query({ ...superuser, database: 'postgres' }, `create role shop login password '${passwords.shop}'`)
  await query({ ...superuser, database: 'postgres' }, 'create database shop owner shop')
  const shop = { ...superuser, user: 'shop', password: passwords.shop, database: 'shop' }
  await query(shop, 'create table orders (number bigint primary key, placed_at timestamptz not null default clock_timestamp())')
  await query(shop, 'create table products (id int primary key, name text not null)')
  await query(shop, `insert into products select n, 'product ' || n || ' ' || repeat(md5(n::text), 16) from generate_series(1, ${products}) n`)
  await query(shop, 'grant select on orders to muster')
}

/** Rows of the last statement. */
export async function query<Row extends object = Record<string, unknown>>(connection: ShopConnection, sql: string): Promise<Row[]> {
  const client = new pg.Client({ ...connection, connectionTimeoutMillis: 5000 })
  client.on('error', () => undefined)
  await client.connect()
  try {
    const result = (await client.query(sql)) as pg.QueryResult<Row> | pg.QueryResult<Row>[]
    return Array.isArray(result) ? (result.at(-1)?.rows ?? []) : result.rows
  } finally {
    await client.end()
  }
}

function secret(): string {
  return randomBytes(12).toString('hex')
}

async function giveTo(user: string, path: string): Promise<void> {
  const { userId, groupId } = lookUpUser(user)
  await chown(path, userId, groupId)
}
