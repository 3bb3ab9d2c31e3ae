/** The shop's database: a new cluster at the primary site, of the size that was asked for; and questions to it wherever it is. */
import { randomBytes } from 'node:crypto'
import { appendFile, chown, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lookUpUser } from '../../adapters/process/operating-system-user.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import { query, type ShopConnection } from '../demo/postgres.ts'
import { postgresqlPrograms } from '../demo/programs.ts'
import { type Command, runOn } from './machine.ts'
import { addresses, network } from './network.ts'
import type { ScenarioPlaces, SiteName } from './places.ts'

export interface Database {
  readonly binDirectory: string
  readonly versionText: string
  /** How a client of the shop connects at each site, by its address. */
  readonly shop: Readonly<Record<SiteName, ShopConnection>>
}

export const serverUser = 'postgres'
const port = 5432
/** One row of ballast with what PostgreSQL adds to it. */
const rowBytes = 1056

export async function createDatabase(places: ScenarioPlaces, megabytes: number): Promise<Database> {
  const binDirectory = await postgresqlPrograms()
  const { database, dataDirectory } = places.sites.primary
  const passwords = { postgres: secret(), muster: secret(), shop: secret() }
  await writeFile(join(places.secrets, 'postgresql'), passwords.muster, { mode: 0o600 })
  const pwFile = join(database, 'superuser')
  await writeFile(pwFile, passwords.postgres, { mode: 0o600 })
  const { userId, groupId } = lookUpUser(serverUser)
  for (const path of [pwFile, database, places.sites.dr.database, places.bare]) await chown(path, userId, groupId)
  const words = ['-D', dataDirectory, '-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${pwFile}`, '--data-checksums', '--encoding=UTF8', '--locale=C']
  await runTool(join(binDirectory, 'initdb'), words, { runAs: serverUser, timeoutSeconds: 60 })
  await rm(pwFile)
  await configure(dataDirectory)
  await startServer(places, binDirectory, 'primary')
  const superuser = { host: database, port, user: 'postgres', password: passwords.postgres }
  await fill(superuser, passwords, megabytes)
  const { stdout } = await runTool(join(binDirectory, 'postgres'), ['--version'])
  const shopAt = (site: SiteName): ShopConnection => ({ host: addresses[site], port, user: 'shop', password: passwords.shop, database: 'shop' })
  return { binDirectory, versionText: /\d+(\.\d+)?/.exec(stdout)?.[0] ?? '', shop: { primary: shopAt('primary'), dr: shopAt('dr') } }
}

/** In memory of files, so that a server that is killed leaves no shared memory behind. */
async function configure(dataDirectory: string): Promise<void> {
  const settings = { dynamic_shared_memory_type: 'mmap', max_wal_size: '1GB', log_min_messages: 'warning', shared_buffers: '64MB' }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`)
  await appendFile(join(dataDirectory, 'postgresql.conf'), lines.join(''))
  await appendFile(join(dataDirectory, 'pg_hba.conf'), `host all all ${network} scram-sha-256\nhost replication all ${network} scram-sha-256\n`)
}

/** What stands for the site's service manager: words of muster.yaml and of a boot alike. */
export function serverOptions({ sites }: ScenarioPlaces, site: SiteName): readonly string[] {
  return ['-c', `port=${port}`, '-c', `listen_addresses=${addresses[site]}`, '-c', `unix_socket_directories=${sites[site].database}`]
}

export function startCommand(places: ScenarioPlaces, binDirectory: string, site: SiteName): Command {
  const { database, dataDirectory } = places.sites[site]
  const log = join(database, 'server.log')
  const pgCtl = [join(binDirectory, 'pg_ctl'), 'start', '-D', dataDirectory, '-w', '-l', log, '-o', serverOptions(places, site).join(' ')]
  return ['setpriv', `--reuid=${serverUser}`, `--regid=${serverUser}`, '--init-groups', '--', ...pgCtl]
}

async function startServer(places: ScenarioPlaces, binDirectory: string, site: SiteName): Promise<void> {
  await runOn(site, startCommand(places, binDirectory, site))
}

/** The roles have the rights that `muster init` asks for, and no others. */
async function fill(
  superuser: Omit<ShopConnection, 'database'>,
  passwords: { readonly muster: string; readonly shop: string },
  megabytes: number,
): Promise<void> {
  const run = (database: string, sql: string) => query({ ...superuser, database }, sql)
  await run('postgres', `create role muster login replication password '${passwords.muster}'`)
  await run('postgres', 'grant pg_monitor to muster; grant execute on function pg_switch_wal() to muster')
  await run('postgres', `create role shop login password '${passwords.shop}'`)
  await run('postgres', 'create database shop owner shop')
  const shop = { ...superuser, user: 'shop', password: passwords.shop, database: 'shop' }
  await query(shop, 'create table orders (number bigint primary key, placed_at timestamptz not null default clock_timestamp())')
  // Both sites share this machine's cores: the vacuum of a table that was filled just now would be measured as if the other site did it.
  await query(shop, 'create table ballast (id int primary key, text text not null) with (autovacuum_enabled = off)')
  await query(shop, 'create table trap (n int)')
  await query(shop, 'grant select on orders, trap to muster')
  const rows = Math.round((megabytes * 1_000_000) / rowBytes)
  // Half of it can be compressed away, as of data that people write.
  await query(
    shop,
    `insert into ballast select n, (select string_agg(md5(n::text || p::text), '') from generate_series(1, 30) p) from generate_series(1, ${rows}) n`,
  )
  await query({ ...superuser, database: 'postgres' }, 'checkpoint')
}

export async function databaseBytes(connection: ShopConnection): Promise<number> {
  const [row] = await query<{ bytes: string }>(connection, 'select pg_database_size(current_database()) as bytes')
  return Number(row?.bytes)
}

function secret(): string {
  return randomBytes(12).toString('hex')
}
