/** Whether a server's WAL can be streamed and is kept until it is stored. */
import { withConnection } from '../../adapters/component/postgresql/connection.ts'
import { connectionArguments } from '../../adapters/component/postgresql/connection.ts'
import { osUserOf, type PostgresqlInstance } from '../../adapters/component/postgresql/instance.ts'
import type { ServerFacts } from '../../adapters/component/postgresql/inspect.ts'
import { findClientProgram } from '../../adapters/component/postgresql/programs.ts'
import { observeSlots } from '../../adapters/component/postgresql/slots.ts'
import type { SlotFacts, Slots } from '../../adapters/component/postgresql/wal-source.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import { formatDuration, formatSize } from '../../domain/durations.ts'
import { compareClocks } from './stores.ts'
import type { Findings } from './findings.ts'

interface Settings {
  readonly wal_level: string
  readonly max_wal_senders: number
  readonly senders: number
  readonly max_replication_slots: number
  readonly slots: number
  readonly fsync: boolean
  readonly full_page_writes: boolean
  /** Null without a limit. */
  readonly keepBytes: number | null
  readonly nowMs: number
  readonly walBytes: number
  readonly walSeconds: number
}

export async function examineReplication(findings: Findings, about: string, instance: PostgresqlInstance, facts: ServerFacts, applied: boolean): Promise<void> {
  const before = Date.now()
  const { settings, slots, after } = await withConnection(instance, async (client) => {
    const settings = await readSettings(client)
    const after = Date.now()
    return { settings, slots: await observeSlots(client, instance), after }
  })
  compareClocks(findings, `the clock of ${about}`, settings.nowMs, before, after)
  examineSettings(findings, about, settings, slots)
  examineSlots(findings, about, slots, applied)
  examineLimit(findings, about, settings)
  await findings.look(about, () => examineStreaming(findings, about, instance, facts))
}

async function readSettings(client: { query(sql: string): Promise<{ rows: Record<string, unknown>[] }> }): Promise<Settings> {
  const { rows } = await client.query(`
    select current_setting('wal_level') as wal_level,
           current_setting('max_wal_senders')::int as max_wal_senders,
           (select count(*)::int from pg_stat_replication) as senders,
           current_setting('max_replication_slots')::int as max_replication_slots,
           (select count(*)::int from pg_replication_slots) as slots,
           current_setting('fsync') = 'on' as fsync,
           current_setting('full_page_writes') = 'on' as full_page_writes,
           (select nullif(setting, '-1')::float8 * 1048576 from pg_settings where name = 'max_slot_wal_keep_size') as "keepBytes",
           extract(epoch from clock_timestamp())::float8 * 1000 as "nowMs",
           (select wal_bytes::float8 from pg_stat_wal) as "walBytes",
           (select extract(epoch from clock_timestamp() - coalesce(stats_reset, pg_postmaster_start_time()))::float8 from pg_stat_wal) as "walSeconds"`)
  return rows[0] as unknown as Settings
}

function examineSettings(findings: Findings, about: string, settings: Settings, slots: Slots): void {
  const { wal_level: level, max_wal_senders: mostSenders, senders, max_replication_slots: mostSlots } = settings
  if (level === 'minimal') findings.problem(about, 'wal_level is minimal: nothing can be streamed', 'set wal_level = replica and restart the server')
  // The receiver needs one all the time, a base backup one more while it runs.
  const neededSenders = slots.stream?.active ? 1 : 2
  const freeSenders = mostSenders - senders
  if (freeSenders < neededSenders)
    findings.problem(
      about,
      `${freeSenders} of ${mostSenders} WAL senders are free; ${neededSenders} are needed`,
      `set max_wal_senders = ${mostSenders + neededSenders} and restart the server`,
    )
  const neededSlots = [slots.stream, slots.anchor].filter((slot) => slot === null).length
  const freeSlots = mostSlots - settings.slots
  if (freeSlots < neededSlots)
    findings.problem(
      about,
      `${freeSlots} of ${mostSlots} replication slots are free; ${neededSlots} are needed`,
      `set max_replication_slots = ${mostSlots + neededSlots} and restart the server, or drop slots that nothing uses`,
    )
  if (level !== 'minimal' && freeSenders >= neededSenders && freeSlots >= neededSlots)
    findings.ok(about, `wal_level ${level}, ${freeSenders} WAL senders and ${freeSlots} slots free`)
  if (!settings.fsync) findings.warning(about, 'fsync is off: a power cut can destroy the database', 'set fsync = on')
  if (!settings.full_page_writes) findings.warning(about, 'full_page_writes is off: a crash can damage pages', 'set full_page_writes = on')
}

function examineSlots(findings: Findings, about: string, slots: Slots, applied: boolean): void {
  if (!slots.stream && !slots.anchor && !applied) return findings.ok(about, 'its two slots are not there yet; the WAL shipper makes them')
  for (const [role, slot] of Object.entries(slots) as [string, SlotFacts | null][]) {
    if (slot === null) findings.warning(about, `the ${role} slot is not there yet`, 'the WAL shipper makes it: muster up')
    else if (slot.walStatus === 'lost')
      findings.problem(
        about,
        `the server has dropped WAL that the slot ${slot.name} needed: there is a gap`,
        'the WAL shipper makes a new slot; close the gap: muster backup SYSTEM',
      )
    else if (slot.walStatus === 'unreserved')
      findings.problem(
        about,
        `the server is about to drop WAL that the slot ${slot.name} needs`,
        'raise max_slot_wal_keep_size, and look at the WAL shipper: muster status',
      )
    else findings.ok(about, `the slot ${slot.name} holds its WAL (${slot.walStatus ?? 'new'})`)
  }
  if (slots.stream && !slots.stream.active) findings.warning(about, 'nothing streams from it right now', 'start the WAL shipper: muster up, or look at its log')
}

/** Muster never changes the limit; it says what it is worth. */
function examineLimit(findings: Findings, about: string, { keepBytes, walBytes, walSeconds }: Settings): void {
  if (keepBytes === null) return findings.ok(about, 'max_slot_wal_keep_size has no limit: WAL waits until it is stored, or until wal.reserve is reached')
  const rate = walSeconds > 60 ? walBytes / walSeconds : 0
  const seconds = rate > 0 ? keepBytes / rate : Number.POSITIVE_INFINITY
  const worth = Number.isFinite(seconds) ? `about ${formatDuration(seconds)} of WAL as it was written so far` : 'more WAL than was written so far'
  const text = `max_slot_wal_keep_size is ${formatSize(keepBytes)}: ${worth}`
  if (seconds < 24 * 3600) findings.warning(about, text, 'raise it to at least a day of WAL: when stores are out for longer, there is a gap')
  else findings.ok(about, text)
}

/**
 * Connects as the WAL receiver does: by its program, its operating-system user, and in replication mode, which
 * pg_hba.conf lists apart. Dropping a slot that is not there changes nothing.
 */
async function examineStreaming(findings: Findings, about: string, instance: PostgresqlInstance, facts: ServerFacts): Promise<void> {
  const program = await findClientProgram(instance, 'pg_receivewal', facts.serverVersion)
  const { args, env } = await connectionArguments(instance)
  const runAs = await osUserOf(instance)
  const { stderrTail } = await runTool(program.path, [...args, '--drop-slot', '--slot', 'muster_doctor_no_such_slot'], {
    env,
    okExitCodes: [0, 1],
    timeoutSeconds: 25,
    ...(runAs === undefined ? {} : { runAs }),
  })
  if (/muster_doctor_no_such_slot.*does not exist/.test(stderrTail)) return findings.ok(about, 'a replication connection works')
  const { user } = instance.config.connection
  const last = stderrTail.trim().split('\n').at(-1) ?? ''
  findings.problem(
    about,
    `a replication connection is refused: ${last.replace(/^pg_receivewal: (?:error: )?/, '')}`,
    `allow it in ${facts.hbaFile}: a line for database "replication" and the role ${user}, then: select pg_reload_conf()`,
  )
}
