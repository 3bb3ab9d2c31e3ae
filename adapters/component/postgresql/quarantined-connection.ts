import type pg from 'pg'
import { MusterError } from '../../../domain/failures.ts'
import { type ConnectionTarget, withConnection } from './connection.ts'
import type { PostgresqlInstance } from './instance.ts'
import type { Quarantine } from './quarantine.ts'

/**
 * Said first, since the data may be an intruder's: a role or database can carry a search path by which a function or operator
 * of theirs stands before the server's own, and would be run as the superuser.
 */
const ownFunctionsOnly = 'set search_path = pg_catalog, pg_temp'

/** A database that every cluster has, at any moment of its life. */
const alwaysThere = 'template1'

/**
 * Runs `fn` as the superuser that initdb made: the quarantine trusts whoever can enter its directory, and the
 * configured role has no right to steer a recovery. By default in the configured database, which, like the role, may
 * not have existed at the recovery's target.
 * @throws MusterError as withConnection
 */
export async function withQuarantined<T>(
  instance: PostgresqlInstance,
  quarantine: Quarantine,
  fn: (client: pg.Client) => Promise<T>,
  where: { readonly database?: string } = {},
): Promise<T> {
  const at = { socketDirectory: quarantine.socketDirectory, port: quarantine.port }
  const own = async (client: pg.Client) => {
    await client.query(ownFunctionsOnly)
    return fn(client)
  }
  return withConnection(instance, own, { ...at, ...where, user: await superuserOf(instance, at) })
}

async function superuserOf(instance: PostgresqlInstance, at: ConnectionTarget): Promise<string> {
  const ask = (user: string): Promise<string> =>
    withConnection(
      instance,
      async (client) => {
        const { rows } = await client.query('select rolname from pg_catalog.pg_roles where oid operator(pg_catalog.=) 10')
        return rows[0].rolname as string
      },
      { ...at, user, database: alwaysThere },
    )
  return ask(instance.config.connection.user).catch((error: unknown) => {
    if (error instanceof MusterError && error.type === 'CredentialsRejected') return ask('postgres')
    throw error
  })
}

/** As `withQuarantined`, in a database that every cluster has: for what is asked of the server itself. */
export async function withQuarantinedServer<T>(instance: PostgresqlInstance, quarantine: Quarantine, fn: (client: pg.Client) => Promise<T>): Promise<T> {
  return withQuarantined(instance, quarantine, fn, { database: alwaysThere })
}
