import pg from 'pg'
import type { SqlCheck } from '../../../domain/config.ts'
import type { CheckResult } from '../../../domain/repository-format.ts'
import { checkName } from '../../../domain/shrunk-checks.ts'
import { type ConnectionTarget, withConnection } from './connection.ts'
import type { PostgresqlInstance } from './instance.ts'
import type { Quarantine } from './quarantine.ts'

const timeoutSeconds = 60
/** Of a held copy nobody else works on: a lock that is not given at once is never given. */
const lockSecondsWhenHeld = 3

/**
 * Runs the configured checks on the service's server, or on a quarantined one with `at`, as the configured role.
 * Each runs alone in a read-only transaction of at most 60 s, and only its first value of its first row is read.
 * A check that fails or cannot be answered is a result; results hold numbers and times, never text of rows.
 * A copy that is held at a moment keeps the locks of transactions that the moment cuts off, such as a DROP TABLE that
 * came right after it: what such a lock hides is left to the checks in place, where these transactions are undone.
 * @throws MusterError when the server cannot be reached
 */
export async function runChecks(
  instance: PostgresqlInstance,
  at: Quarantine | null,
  checks: readonly SqlCheck[],
  reference: { /** The moment that `maxAgeSeconds` counts back from: the recovery target. */ readonly now: Date },
): Promise<CheckResult[]> {
  const place = at === null ? {} : { socketDirectory: at.socketDirectory, port: at.port }
  const results: CheckResult[] = []
  for (const check of checks) results.push(await runCheck(instance, place, check, reference.now))
  return results
}

async function runCheck(instance: PostgresqlInstance, place: ConnectionTarget, check: SqlCheck, now: Date): Promise<CheckResult> {
  const name = checkName(check.sql)
  const target = { ...place, ...(check.database === undefined ? {} : { database: check.database }) }
  return withConnection(
    instance,
    async (client) => {
      try {
        return { name, ...judge(check, await firstValue(client, check.sql), now) }
      } catch (error) {
        const code = error instanceof pg.DatabaseError ? error.code : undefined
        // Without a code the connection broke: that tells nothing about the data.
        if (code === undefined || /^(08|57P)/.test(code)) throw error
        if (code === lockNotGiven) return { name, value: null, ok: true, detail: leftToPlace }
        return { name, value: null, ok: false, detail: describeFailure(error as pg.DatabaseError) }
      }
    },
    target,
  )
}

const lockNotGiven = '55P03'
const leftToPlace = 'not asked while held: a transaction that the moment cuts off has a lock on it'

interface FirstValue {
  readonly type: number
  readonly text: string | null
}

/** A cursor takes one query only, cannot change data, and fetches no more than asked for. */
async function firstValue(client: pg.Client, sql: string): Promise<FirstValue | null> {
  await client.query('begin transaction read only')
  await client.query(`set local statement_timeout = '${timeoutSeconds}s'`)
  const { rows: held } = await client.query<{ yes: boolean }>('select pg_is_in_recovery() as yes')
  if (held[0]?.yes) await client.query(`set local lock_timeout = '${lockSecondsWhenHeld}s'`)
  await extended(client, `declare muster_check no scroll cursor for ${sql}`)
  const { rows, fields } = await extended(client, 'fetch 1 from muster_check')
  await client.query('rollback')
  const row = rows[0]
  const field = fields[0]
  return row === undefined || field === undefined ? null : { type: field.dataTypeID, text: row[0] ?? null }
}

/** The extended protocol takes a single statement; values stay the text that the server sent. */
async function extended(client: pg.Client, text: string): Promise<pg.QueryArrayResult<(string | null)[]>> {
  const query = { text, rowMode: 'array' as const, queryMode: 'extended', types: { getTypeParser: () => String } }
  return client.query(query as pg.QueryArrayConfig) as Promise<pg.QueryArrayResult<(string | null)[]>>
}

const numberTypes = new Set([20, 21, 23, 26, 700, 701, 790, 1700])
const timeTypes = new Set([1082, 1114, 1184])
const booleanType = 16

/** What a check's answer says; exported for its unit test. */
export function judge(check: SqlCheck, answer: FirstValue | null, now: Date): Omit<CheckResult, 'name'> {
  if (answer === null) return { value: null, ok: false, detail: 'no row' }
  if (answer.text === null) return { value: null, ok: false, detail: 'the value is null' }
  if (timeTypes.has(answer.type)) return judgeTime(check, answer.text, now)
  const value = answer.type === booleanType ? Number(/^t/.test(answer.text)) : Number(answer.text.replace(/[$,]/g, ''))
  const isNumber = answer.type === booleanType || (numberTypes.has(answer.type) && Number.isFinite(value))
  if (!isNumber) return { value: null, ok: false, detail: 'the value is neither a number nor a time' }
  if (check.maxAgeSeconds !== undefined) return { value, ok: false, detail: `${value} is not a time, and maxAge asks for one` }
  if (check.min !== undefined && value < check.min) return { value, ok: false, detail: `${value} is less than ${check.min}` }
  if (check.max !== undefined && value > check.max) return { value, ok: false, detail: `${value} is more than ${check.max}` }
  return { value, ok: true, detail: String(value) }
}

function judgeTime(check: SqlCheck, text: string, now: Date): Omit<CheckResult, 'name'> {
  const time = parseTime(text)
  if (time === null) return { value: null, ok: false, detail: 'the value is no finite time' }
  const value = time.toISOString()
  if (check.min !== undefined || check.max !== undefined) {
    return { value, ok: false, detail: 'the value is a time, and min and max ask for a number' }
  }
  const ageSeconds = Math.round((now.getTime() - time.getTime()) / 1000)
  if (check.maxAgeSeconds !== undefined && ageSeconds > check.maxAgeSeconds) {
    return { value, ok: false, detail: `${ageSeconds} s old, more than ${check.maxAgeSeconds} s` }
  }
  return { value, ok: true, detail: `${ageSeconds} s old` }
}

/** `2026-11-21`, `2026-11-21 02:00:00.5` and `2026-11-21 02:00:00+00`; a time without a zone is UTC. */
function parseTime(text: string): Date | null {
  const match = /^(\d{4,}-\d\d-\d\d)(?: (\d\d:\d\d:\d\d(?:\.\d+)?))?(?:\+00)?$/.exec(text)
  if (!match) return null
  const time = new Date(`${match[1]}T${match[2] ?? '00:00:00'}Z`)
  return Number.isNaN(time.getTime()) ? null : time
}

/** Only messages about the query itself are safe to show: others may quote a row. */
function describeFailure(error: pg.DatabaseError): string {
  if (error.code === '57014') return `no answer within ${timeoutSeconds} s`
  if (error.code?.startsWith('42')) return `the query failed: ${error.message} (${error.code})`
  return `the query failed with SQLSTATE ${error.code}`
}
