/**
 * What is in a cluster with which somebody could come back: roles, extensions, functions, triggers, settings and pg_cron.
 * Names and fingerprints only: no password, no source and no text of rows leaves the server's side of this file.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import type { InventoryItem, InventoryKind } from '../../../domain/breach.ts'
import type { PostgresqlInstance } from './instance.ts'
import type { Quarantine } from './quarantine.ts'
import { withQuarantined } from './quarantined-connection.ts'

type Found = Pick<InventoryItem, 'kind' | 'name' | 'fingerprint'>

/** All schemas but those that end with their session: whoever may do everything can also write into the server's own. */
const lastingSchemas = "n.nspname !~ '^pg_(toast_)?temp_'"

/** Of the cluster: asked once. */
const clusterQueries: readonly (readonly [InventoryKind, string])[] = [
  [
    'role',
    `select r.rolname as name, concat_ws('|', r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolreplication, r.rolbypassrls, r.rolcanlogin, r.rolvaliduntil,
       md5(r.rolpassword), (select string_agg(g.rolname, ',' order by g.rolname) from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = r.oid)) as what
     from pg_authid r`,
  ],
  [
    'setting',
    `select concat_ws(' ', 'of role', coalesce(r.rolname, 'all'), 'in database', coalesce(d.datname, 'all')) as name, array_to_string(s.setconfig, '|') as what
     from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase`,
  ],
]

/** Of each database. */
const databaseQueries: readonly (readonly [InventoryKind, string])[] = [
  ['extension', `select extname::text as name, extversion as what from pg_extension`],
  [
    'function',
    `select n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' as name,
       concat_ws('|', p.prosrc, p.probin, l.lanname, p.prosecdef, p.proowner::regrole, array_to_string(p.proconfig, ',')) as what
     from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang where ${lastingSchemas}`,
  ],
  ['trigger', `select 'event ' || evtname as name, concat_ws('|', evtevent, evtfoid::regprocedure, evtenabled) as what from pg_event_trigger`],
  [
    'trigger',
    `select t.tgrelid::regclass || ' ' || t.tgname as name, concat_ws('|', t.tgfoid::regprocedure, t.tgenabled, t.tgtype) as what
     from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace where not t.tgisinternal and ${lastingSchemas}`,
  ],
]

/** Files of the data directory that say who is let in and what the server loads and runs. */
const settingFiles = ['postgresql.conf', 'postgresql.auto.conf', 'pg_hba.conf', 'pg_ident.conf']

/** @throws MusterError as withConnection */
export async function takeInventory(instance: PostgresqlInstance, at: Quarantine): Promise<readonly Found[]> {
  const ask = (database: string | undefined, queries: typeof databaseQueries) =>
    withQuarantined(instance, at, (client) => askAll(client, queries, database), database === undefined ? {} : { database })
  const names = await withQuarantined(instance, at, async (client) => {
    const { rows } = await client.query<{ datname: string }>('select datname from pg_database where datallowconn and not datistemplate order by 1')
    return rows.map(({ datname }) => datname)
  })
  const found: Found[] = [...(await ask(undefined, clusterQueries)), ...(await filesOf(at.directory))]
  for (const name of names) found.push(...(await ask(name, databaseQueries)), ...(await cronOf(instance, at, name)))
  return found
}

async function askAll(client: pg.Client, queries: typeof databaseQueries, database: string | undefined): Promise<readonly Found[]> {
  const found: Found[] = []
  await client.query(`set statement_timeout = '60s'`)
  for (const [kind, sql] of queries) {
    const { rows } = await client.query<{ name: string; what: string | null }>(sql)
    const prefix = database === undefined ? '' : `${database}: `
    found.push(...rows.map(({ name, what }) => ({ kind, name: `${prefix}${name}`, fingerprint: fingerprint(what ?? '') })))
  }
  return found
}

async function cronOf(instance: PostgresqlInstance, at: Quarantine, database: string): Promise<readonly Found[]> {
  return withQuarantined(
    instance,
    at,
    async (client) => {
      const { rows: there } = await client.query<{ yes: boolean }>(
        `select exists (select from pg_class where oid = to_regclass('cron.job') and relkind in ('r', 'p')) as yes`,
      )
      if (!there[0]?.yes) return []
      const { rows } = await client.query<{ name: string; what: string }>(
        `select 'job ' || jobid as name, concat_ws('|', schedule, command, username, database, active) as what from cron.job`,
      )
      return rows.map(({ name, what }) => ({ kind: 'cron' as const, name: `${database}: ${name}`, fingerprint: fingerprint(what) }))
    },
    { database },
  )
}

async function filesOf(directory: string): Promise<readonly Found[]> {
  const found: Found[] = []
  for (const name of settingFiles) {
    const bytes = await readFile(join(directory, name)).catch(() => null)
    if (bytes !== null) found.push({ kind: 'setting', name: `file ${name}`, fingerprint: fingerprint(withoutRecovery(bytes.toString('latin1'))) })
  }
  return found
}

/** What the recovery of this very copy wrote says nothing about who was there. */
function withoutRecovery(text: string): string {
  return text
    .split('\n')
    .filter((line) => !/^\s*(restore_command|recovery_\w+|primary_\w+)\b/.test(line))
    .join('\n')
}

function fingerprint(what: string): string {
  return createHash('sha256').update(what).digest('hex').slice(0, 32)
}
