/** One statement to a test's server, over a connection of its own. */
import pg from 'pg'

/**
 * Servers are stopped, promoted and killed under the tests. What the server says of that to an idle connection comes as an
 * event; with nobody listening it would end whichever test runs at that moment.
 * @returns the rows of the last statement
 */
export async function askPostgres<Row extends object>(config: pg.ClientConfig, text: string): Promise<Row[]> {
  const client = new pg.Client(config)
  client.on('error', () => {})
  await client.connect()
  try {
    const result = (await client.query(text)) as pg.QueryResult<Row> | pg.QueryResult<Row>[]
    return Array.isArray(result) ? (result.at(-1)?.rows ?? []) : result.rows
  } finally {
    await client.end()
  }
}
