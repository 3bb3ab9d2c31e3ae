/** Named points in WAL. */
import { MusterError } from '../../../domain/failures.ts'
import { withConnection } from './connection.ts'
import { type PostgresqlInstance, nameOf } from './instance.ts'

/**
 * Writes a named point; returns its LSN. Not idempotent: a second one of the same name is another point, and recovery
 * stops at the first.
 * @throws MusterError CredentialsRejected where the role may not, with the SQL that lets it
 */
export async function createRestorePoint(instance: PostgresqlInstance, name: string): Promise<string> {
  return withConnection(instance, async (client) => {
    try {
      const { rows } = await client.query('select pg_create_restore_point($1)::text as lsn', [name])
      return rows[0].lsn as string
    } catch (error) {
      if ((error as { code?: string }).code !== '42501') throw error
      const { user } = instance.config.connection
      throw new MusterError('CredentialsRejected', `the role "${user}" of ${nameOf(instance)} may not make named points`, {
        cause: error,
        hint: `as superuser: grant execute on function pg_create_restore_point(text) to ${user}`,
      })
    }
  })
}
