/** Checks what came over the socket before anything is done with it. */
import type { FlushRequest, PauseRequest, ResumeRequest } from '../adapters/component/postgresql/shipper-protocol.ts'
import { MusterError } from '../domain/failures.ts'
import type { Incarnation } from '../domain/repository-format.ts'
import { isLsn } from '../domain/wal.ts'

type Ask = Record<string, unknown>

const longestFlushSeconds = 24 * 3600

/** @throws MusterError InvalidInput naming the field */
export function flushRequest(ask: Ask): FlushRequest {
  const { untilLsn, tick, stores, timeoutSeconds } = ask
  const seconds = timeoutSeconds ?? 60
  if (typeof seconds !== 'number' || !(seconds > 0 && seconds <= longestFlushSeconds)) throw wrong('timeoutSeconds', 'a number of seconds')
  if (untilLsn !== undefined && (typeof untilLsn !== 'string' || !isLsn(untilLsn))) throw wrong('untilLsn', 'an LSN such as "0/3000060"')
  if (tick !== undefined && typeof tick !== 'boolean') throw wrong('tick', 'true or false')
  if (stores !== undefined && !isTexts(stores)) throw wrong('stores', 'a list of store names')
  return {
    ...place(ask),
    timeoutSeconds: seconds,
    ...(untilLsn === undefined ? {} : { untilLsn }),
    ...(tick === undefined ? {} : { tick }),
    ...(stores === undefined ? {} : { stores }),
  }
}

/** @throws MusterError InvalidInput naming the field */
export function pauseRequest(ask: Ask): PauseRequest {
  return { ...place(ask), reason: text(ask, 'reason') }
}

/** @throws MusterError InvalidInput naming the field */
export function resumeRequest(ask: Ask): ResumeRequest {
  const { connection, newIncarnation } = ask
  return {
    ...place(ask),
    ...(connection === undefined ? {} : { connection: override(connection) }),
    ...(newIncarnation === undefined ? {} : { newIncarnation: incarnation(newIncarnation) }),
  }
}

function override(value: unknown): { readonly socketDirectory: string; readonly port: number } {
  const ask = object(value, 'connection')
  const { port } = ask
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65535) throw wrong('connection.port', 'a port number')
  return { socketDirectory: text(ask, 'socketDirectory'), port }
}

function incarnation(value: unknown): Incarnation {
  const ask = object(value, 'newIncarnation')
  for (const field of ['component', 'incarnation', 'systemIdentifier', 'host', 'registeredAt']) text(ask, field)
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/i.test(ask['incarnation'] as string)) throw wrong('newIncarnation.incarnation', 'letters, digits and -')
  if (typeof ask['timelineId'] !== 'number' || !Number.isInteger(ask['timelineId'])) throw wrong('newIncarnation.timelineId', 'a number')
  for (const field of ['parent', 'forkLsn', 'forkAt']) if (ask[field] !== null) text(ask, field)
  if (ask['forkLsn'] !== null && !isLsn(ask['forkLsn'] as string)) throw wrong('newIncarnation.forkLsn', 'an LSN such as "0/3000060"')
  return ask as unknown as Incarnation
}

function place(ask: Ask): { readonly system: string; readonly component: string } {
  return { system: text(ask, 'system'), component: text(ask, 'component') }
}

function text(ask: Ask, field: string): string {
  const value = ask[field]
  if (typeof value !== 'string' || value === '') throw wrong(field, 'a text')
  return value
}

function object(value: unknown, field: string): Ask {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(field, 'an object')
  return value as Ask
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

function wrong(field: string, expected: string): MusterError {
  return new MusterError('InvalidInput', `"${field}" must be ${expected}`)
}
