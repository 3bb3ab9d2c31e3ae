/**
 * The two physical replication slots of an instance: `stream` follows the receiver, `anchor`
 * stays at the oldest segment that is not in the required stores yet.
 */
import { createHash } from 'node:crypto'
import { formatLsn, parseLsn } from '../../../domain/wal.ts'
import type { Lsn } from '../../../domain/wal.ts'
import { withConnection } from './connection.ts'
import type { PostgresqlInstance } from './instance.ts'
import type { SlotFacts, SlotRole, Slots, WalStatus } from './wal-source.ts'

/** What is needed of a connection here. */
export interface SqlClient {
  query(sql: string, values?: unknown[]): Promise<{ rows: Record<string, unknown>[] }>
}

const roles: readonly SlotRole[] = ['stream', 'anchor']

/** `muster_<id>_stream`: readable, at most 63 characters, and different for different components. */
export function slotName(instance: { readonly system: string; readonly component: string }, role: SlotRole): string {
  const place = `${instance.system}/${instance.component}`
  const readable = place.replace(/[^a-z0-9]+/g, '_').slice(0, 40)
  return `muster_${readable}_${createHash('sha256').update(place).digest('hex').slice(0, 8)}_${role}`
}

export async function observeSlots(client: SqlClient, instance: PostgresqlInstance): Promise<Slots> {
  const names = roles.map((role) => slotName(instance, role))
  const { rows } = await client.query(
    `select slot_name, wal_status, restart_lsn::text, safe_wal_size::text, active
       from pg_replication_slots where slot_name = any($1)`,
    [names],
  )
  const facts = (role: SlotRole) => {
    const row = rows.find((one) => one['slot_name'] === slotName(instance, role))
    return row === undefined ? null : slotFacts(row)
  }
  return { stream: facts('stream'), anchor: facts('anchor') }
}

/** Whether the server still promises the WAL from the slot's position on. */
export function holdsWal(slot: SlotFacts | null): slot is SlotFacts & { readonly restartLsn: Lsn } {
  return slot !== null && slot.restartLsn !== null && slot.walStatus !== 'lost'
}

/**
 * Makes what is missing and replaces what is lost. A new slot is a copy of the other one where that
 * still holds WAL, and reserves WAL from the newest checkpoint otherwise. Idempotent.
 */
export function ensureSlots(instance: PostgresqlInstance): Promise<Slots> {
  return withConnection(instance, async (client) => {
    const before = await observeSlots(client, instance)
    for (const role of roles) if (before[role] !== null && !holdsWal(before[role])) await drop(client, slotName(instance, role))
    for (const role of roles) {
      if (holdsWal(before[role])) continue
      const other = role === 'stream' ? 'anchor' : 'stream'
      if (holdsWal(before[other])) await copy(client, slotName(instance, other), slotName(instance, role))
      else await create(client, slotName(instance, role))
    }
    return observeSlots(client, instance)
  })
}

/** Both begin again at the server's newest checkpoint: what lies before is given up. */
export function renewSlots(instance: PostgresqlInstance): Promise<Slots> {
  return withConnection(instance, async (client) => {
    for (const role of roles) await drop(client, slotName(instance, role))
    for (const role of roles) await create(client, slotName(instance, role))
    return observeSlots(client, instance)
  })
}

/** Idempotent. @throws MusterError CommandFailed while a receiver still uses one */
export function dropSlots(instance: PostgresqlInstance): Promise<void> {
  return withConnection(instance, async (client) => {
    for (const role of roles) await drop(client, slotName(instance, role))
  })
}

/** Lets the server drop WAL before `lsn`, a segment's start. A position behind the slot's own changes nothing. */
export function advanceAnchor(instance: PostgresqlInstance, lsn: Lsn): Promise<void> {
  return withConnection(instance, async (client) => {
    const name = slotName(instance, 'anchor')
    const { anchor } = await observeSlots(client, instance)
    if (!holdsWal(anchor) || anchor.restartLsn >= lsn) return
    await client.query('select pg_replication_slot_advance($1, $2::pg_lsn)', [name, formatLsn(lsn)])
  })
}

async function create(client: SqlClient, name: string): Promise<void> {
  await client.query('select pg_create_physical_replication_slot($1, true)', [name])
}

async function copy(client: SqlClient, from: string, to: string): Promise<void> {
  await client.query('select pg_copy_physical_replication_slot($1, $2, false)', [from, to])
}

async function drop(client: SqlClient, name: string): Promise<void> {
  await client.query('select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1', [name])
}

function slotFacts(row: Record<string, unknown>): SlotFacts {
  const text = (key: string) => (typeof row[key] === 'string' ? (row[key] as string) : null)
  const restart = text('restart_lsn')
  const safe = text('safe_wal_size')
  return {
    name: row['slot_name'] as string,
    walStatus: text('wal_status') as WalStatus | null,
    restartLsn: restart === null ? null : parseLsn(restart),
    safeWalSizeBytes: safe === null ? null : Number(safe),
    active: row['active'] === true,
  }
}
