/** A look into a server that was restored, as the role that Muster itself has there. */
import { askPostgres } from '../test/support/ask-postgres.ts'

/** As the test cluster makes the role. */
const role = { user: 'muster', password: "it's: a \\\\secret" }

/** @returns the rows of one statement at a port of the loopback */
export async function queryRestored<R extends object>(port: number, database: string, sql: string): Promise<readonly R[]> {
  return askPostgres<R>({ host: '127.0.0.1', port, database, ...role }, sql)
}
