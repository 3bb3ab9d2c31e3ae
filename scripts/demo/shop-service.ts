/**
 * The shop: a small HTTP service on top of the database.
 *   GET /health         200 while the database answers, else 503
 *   GET /orders/count   how many orders there are
 * Usage: shop-service CONFIG.json
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import pg from 'pg'
import type { ShopServiceConfig } from './shop-service-control.ts'

const config = JSON.parse(readFileSync(process.argv[2] as string, 'utf8')) as ShopServiceConfig
const pool = new pg.Pool({ ...config.connection, max: 4, connectionTimeoutMillis: 2000, query_timeout: 3000, idleTimeoutMillis: 10_000 })
// A connection that is lost while nobody uses it; the next question opens another.
pool.on('error', () => undefined)

const answers: Readonly<Record<string, () => Promise<object>>> = {
  '/health': async () => {
    await pool.query('select 1')
    return { healthy: true }
  },
  '/orders/count': async () => {
    const { rows } = await pool.query<{ count: string; newest: Date | null }>('select count(*), max(placed_at) as newest from orders')
    return { count: Number(rows[0]?.count), newest: rows[0]?.newest }
  },
}

const server = createServer((request, response) => {
  const say = (status: number, body: object) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  const answer = answers[request.url ?? '']
  if (!answer) {
    say(404, { error: 'there is /health and /orders/count' })
    return
  }
  answer().then(
    (body) => say(200, body),
    (error: unknown) => say(503, { error: error instanceof Error ? error.message : String(error) }),
  )
})
server.listen(config.port, '127.0.0.1')
process.on('SIGTERM', () => {
  server.closeAllConnections()
  server.close(() => process.exit(0))
})
