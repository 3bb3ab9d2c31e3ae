import { MusterError } from '../../../domain/failures.ts'
import { type ConnectionTarget, withConnection } from './connection.ts'
import type { PostgresqlInstance } from './instance.ts'

/** `database.server` for each foreign server; a database that refuses the role is `database.?`, never left out. */
export async function foreignServersOf(instance: PostgresqlInstance, databases: readonly string[], target: ConnectionTarget): Promise<string[]> {
  const found: string[] = []
  for (const database of databases) {
    found.push(...(await foreignServersIn(instance, { ...target, database })))
  }
  return found
}

async function foreignServersIn(instance: PostgresqlInstance, target: ConnectionTarget & { readonly database: string }): Promise<string[]> {
  try {
    return await withConnection(
      instance,
      async (client) => {
        const { rows } = await client.query<{ srvname: string }>('select srvname from pg_foreign_server order by 1')
        return rows.map(({ srvname }) => `${target.database}.${srvname}`)
      },
      target,
    )
  } catch (error) {
    const refused = error instanceof MusterError && ['CredentialsRejected', 'PreconditionFailed'].includes(error.type)
    if (refused) return [`${target.database}.?`]
    throw error
  }
}
