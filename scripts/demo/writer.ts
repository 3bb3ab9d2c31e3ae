/**
 * A customer who never stops ordering: commits numbered markers and records each one that the database acknowledged,
 * with when it was sent and when the answer came. A number whose answer never came is not used again.
 * Usage: writer CONFIG.json
 */
import { appendFileSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { ShopConnection } from './postgres.ts'

export interface WriterConfig {
  readonly connection: ShopConnection
  readonly record: string
  readonly everyMs: number
  /** Numbers begin behind it; 0 where absent. */
  readonly behind?: number
}

/** One line of the record; times in milliseconds since 1970, by this machine's clock. */
export interface Marker {
  readonly number: number
  readonly sentAt: number
  readonly ackedAt: number
}

const config = JSON.parse(readFileSync(process.argv[2] as string, 'utf8')) as WriterConfig
let stopped = false
let number = config.behind ?? 0
process.on('SIGTERM', () => {
  stopped = true
})
while (!stopped) {
  await orderUntilLost().catch((error: unknown) => process.stderr.write(`${new Date().toISOString()} ${String(error)}\n`))
  await sleep(150)
}
process.exit(0)

async function orderUntilLost(): Promise<void> {
  const client = new pg.Client({ ...config.connection, connectionTimeoutMillis: 2000, query_timeout: 5000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    while (!stopped) {
      number++
      const sentAt = Date.now()
      await client.query('insert into orders (number) values ($1)', [number])
      appendFileSync(config.record, `${JSON.stringify({ number, sentAt, ackedAt: Date.now() } satisfies Marker)}\n`)
      await sleep(config.everyMs)
    }
  } finally {
    await client.end().catch(() => undefined)
  }
}
