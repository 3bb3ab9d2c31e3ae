/** What a restored copy could do to others, were it not for a network namespace. */
import { hasNoNetwork } from '../../process/start-service.ts'
import type { PostgresqlInstance } from './instance.ts'
import type { Quarantine } from './quarantine.ts'
import { withQuarantined, withQuarantinedServer } from './quarantined-connection.ts'

/** Whether copies in quarantine run without any network on this host. */
export const quarantineIsolates = hasNoNetwork

interface Declared {
  readonly what: string
}

/** The extensions that run statements by the clock. */
const declared = `
  select format('subscription %s', subname) as what from pg_subscription where subdbid = (select oid from pg_database where datname = current_database())
  union all select format('foreign server %s', srvname) from pg_foreign_server
  union all select format('extension %s', extname) from pg_extension where extname in ('pg_cron', 'pgagent', 'pg_timetable')
  order by 1`

/**
 * Subscriptions, foreign servers and schedulers that a copy declares, each with its database.
 * @throws MusterError as withConnection
 */
export async function reachesOut(instance: PostgresqlInstance, quarantine: Quarantine): Promise<readonly string[]> {
  const databases = await withQuarantinedServer(instance, quarantine, async (client) => {
    const { rows } = await client.query<{ datname: string }>('select datname from pg_database where datallowconn order by 1')
    return rows.map(({ datname }) => datname)
  })
  const found: string[] = []
  for (const database of databases) {
    const rows = await withQuarantined(instance, quarantine, async (client) => (await client.query<Declared>(declared)).rows, { database })
    found.push(...rows.map(({ what }) => `${what} of ${database}`))
  }
  return found
}
