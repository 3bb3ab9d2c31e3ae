import type pg from 'pg'
import { MusterError } from '../../../domain/failures.ts'
import { type ConnectionTarget, withConnection } from './connection.ts'
import type { PostgresqlInstance } from './instance.ts'
import type { Quarantine } from './quarantine.ts'

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
  return withConnection(instance, fn, { ...at, ...where, user: await superuserOf(instance, at) })
}

async function superuserOf(instance: PostgresqlInstance, at: ConnectionTarget): Promise<string> {
  const ask = (user: string): Promise<string> =>
    withConnection(
      instance,
      async (client) => {
        const { rows } = await client.query('select rolname from pg_roles where oid = 10')
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
