import type pg from 'pg'
import { MusterError } from '../../../domain/failures.ts'
import { readGlibc } from './collation.ts'
import { type ConnectionTarget, withConnection } from './connection.ts'
import { linkedWalDirectory } from './data-directory.ts'
import { foreignServersOf } from './foreign-servers.ts'
import { type PostgresqlInstance, nameOf } from './instance.ts'
import { type ClusterManager, detectClusterManager } from './managed-by.ts'
import type { Quarantine } from './quarantine.ts'
import { assertSameServer } from './same-server.ts'

export interface ServerFacts {
  readonly systemIdentifier: string
  readonly timelineId: number
  /** As `server_version_num`: 150018. */
  readonly serverVersion: number
  readonly serverVersionText: string
  readonly dataDirectory: string
  /** Where `pg_wal` is a link. */
  readonly walDirectory?: string
  readonly tablespaces: readonly { readonly oid: number; readonly path: string }[]
  readonly segmentSizeBytes: number
  readonly pageChecksums: boolean
  readonly inRecovery: boolean
  /** Written so far, or replayed so far where the server is in recovery. */
  readonly currentLsn: string
  readonly dataSizeBytes: number
  readonly configFile: string
  readonly hbaFile: string
  readonly configOutsideDataDirectory: boolean
  readonly preloadLibraries: readonly string[]
  /** Subscriptions of logical replication in all databases. */
  readonly subscriptions: number
  /** `database.server` of each foreign server; a database that refuses the role counts as `database.?`. */
  readonly foreignServers: readonly string[]
  readonly glibc: string
  readonly icu?: string
  readonly roleAttributes: RoleAttributes
  readonly managedBy: ClusterManager | null
}

export interface RoleAttributes {
  readonly replication: boolean
  readonly superuser: boolean
  readonly monitor: boolean
  readonly switchWal: boolean
}

/**
 * Asks the running server what it is, and proves that it is the server of the configured data directory
 * (or, with `at`, of the quarantined one).
 * @throws MusterError WrongTarget, DatabaseDown, NotReadyYet, CredentialsRejected, PreconditionFailed (rights)
 */
export async function inspectServer(instance: PostgresqlInstance, at?: Quarantine): Promise<ServerFacts> {
  const target: ConnectionTarget = at ? { socketDirectory: at.socketDirectory, port: at.port } : {}
  const directory = at?.directory ?? instance.config.dataDirectory
  const { facts, databases } = await withConnection(
    instance,
    async (client) => {
      const roleAttributes = await readRoleAttributes(client)
      if (!roleAttributes.monitor) throw monitorMissing(instance)
      const facts = await readServer(client, roleAttributes)
      await assertSameServer(instance, directory, facts).catch(async (error: unknown) => {
        // One that ends at this moment has no lock file any more either: its own connection tells the two apart.
        await client.query('select 1')
        throw error
      })
      return { facts, databases: await readDatabases(client) }
    },
    target,
  )
  const { startedAt: _, ...told } = facts
  const walDirectory = await linkedWalDirectory(directory)
  return {
    ...told,
    ...(walDirectory === undefined ? {} : { walDirectory }),
    foreignServers: await foreignServersOf(instance, databases, target),
    configOutsideDataDirectory: !told.configFile.startsWith(`${told.dataDirectory}/`),
    glibc: await readGlibc(),
    managedBy: await detectClusterManager(told),
  }
}

async function readRoleAttributes(client: pg.Client): Promise<RoleAttributes> {
  const { rows } = await client.query(`
    select rolreplication as replication, rolsuper as superuser,
           pg_has_role(current_user, 'pg_monitor', 'usage') as monitor,
           has_function_privilege('pg_switch_wal()', 'execute') as "switchWal"
      from pg_roles where rolname = current_user`)
  return rows[0] as RoleAttributes
}

async function readServer(client: pg.Client, roleAttributes: RoleAttributes) {
  const { rows } = await client.query(`
    select (select system_identifier::text from pg_control_system()) as system_identifier,
           (select timeline_id from pg_control_checkpoint()) as checkpoint_timeline,
           current_setting('server_version_num')::int as version,
           current_setting('server_version') as version_text,
           current_setting('data_directory') as data_directory,
           current_setting('config_file') as config_file,
           current_setting('hba_file') as hba_file,
           current_setting('shared_preload_libraries') as preload,
           current_setting('data_checksums') = 'on' as checksums,
           (select setting from pg_settings where name = 'wal_segment_size') as segment_size,
           extract(epoch from pg_postmaster_start_time())::float8 as started,
           pg_is_in_recovery() as in_recovery,
           case when pg_is_in_recovery() then coalesce(pg_last_wal_replay_lsn(), '0/0') else pg_current_wal_lsn() end::text as lsn,
           case when not pg_is_in_recovery() then pg_walfile_name(pg_current_wal_lsn()) end as wal_file,
           (select coalesce(sum(pg_tablespace_size(oid)), 0)::text from pg_tablespace) as size,
           (select count(*)::int from pg_subscription) as subscriptions,
           (select pg_collation_actual_version(oid) from pg_collation where collprovider = 'i' limit 1) as icu`)
  const row = rows[0]
  const inRecovery: boolean = row.in_recovery
  return {
    systemIdentifier: row.system_identifier as string,
    timelineId: inRecovery ? (row.checkpoint_timeline as number) : Number.parseInt(row.wal_file.slice(0, 8), 16),
    serverVersion: row.version as number,
    serverVersionText: row.version_text as string,
    dataDirectory: row.data_directory as string,
    configFile: row.config_file as string,
    hbaFile: row.hba_file as string,
    preloadLibraries: (row.preload as string)
      .split(',')
      .map((name) => name.trim())
      .filter(Boolean),
    pageChecksums: row.checksums as boolean,
    segmentSizeBytes: Number(row.segment_size),
    startedAt: row.started as number,
    inRecovery,
    currentLsn: row.lsn as string,
    dataSizeBytes: Number(row.size),
    subscriptions: row.subscriptions as number,
    ...(row.icu === null ? {} : { icu: row.icu as string }),
    tablespaces: await readTablespaces(client),
    roleAttributes,
  }
}

async function readTablespaces(client: pg.Client): Promise<{ readonly oid: number; readonly path: string }[]> {
  const { rows } = await client.query<{ oid: string; path: string }>('select oid::text, pg_tablespace_location(oid) as path from pg_tablespace order by oid')
  // The two built-in ones have no place of their own; in-place ones are inside the data directory.
  return rows.filter(({ path }) => path.startsWith('/')).map(({ oid, path }) => ({ oid: Number(oid), path }))
}

async function readDatabases(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ datname: string }>('select datname from pg_database where datallowconn order by 1')
  return rows.map(({ datname }) => datname)
}

function monitorMissing(instance: PostgresqlInstance): MusterError {
  const { user } = instance.config.connection
  return new MusterError('PreconditionFailed', `the role ${user} of ${nameOf(instance)} may not read the server's settings`, {
    hint: `run as a superuser: grant pg_monitor to "${user}"`,
  })
}
