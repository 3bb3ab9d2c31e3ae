import { setTimeout as sleep } from 'node:timers/promises'
import { MusterError } from '../../../domain/failures.ts'
import { parseLsn } from '../../../domain/wal.ts'
import type { WorkOptions } from '../component.ts'
import type { PostgresqlInstance } from './instance.ts'
import type { Quarantine } from './quarantine.ts'
import { withQuarantinedServer } from './quarantined-connection.ts'
import { logOfStart, quarantinedProcesses, relaunchQuarantined } from './quarantined-server.ts'
import { fatalIn, reachedTarget, recoveryFailure, settingsTooSmall } from './recovery-log.ts'
import type { RecoveryTarget } from './recovery-settings.ts'

export interface Held {
  /** First byte after the last record that was replayed. */
  readonly replayedLsn: string
  /** Time of the last commit that was replayed; null when there was none since the base backup. */
  readonly lastCommitAt: string | null
}

export interface AwaitHeldOrder {
  readonly target: RecoveryTarget
  /** Only for the target `end`: hold at this LSN at the earliest. */
  readonly untilLsn?: string
  /** How long WAL before `untilLsn` may be missing before that is a gap; default 30. */
  readonly starvedAfterSeconds?: number
}

const pollMs = 150
const mostRelaunches = 5
/** A server that turns every client away for so long, for another reason than that it is not so far, will not change its mind. */
const mostRefusedMs = 15_000

/**
 * Waits until a recovery holds: at its target, or for `end` where no more WAL is there. The server then answers
 * read-only queries and can be asked, fed more WAL (`end`) or promoted. Idempotent.
 * @throws MusterError RecoveryTargetUnreachable (naming the last commit there is), WalGap, SourceUnreadable,
 * ChecksumMismatch, DiskFull, PreconditionFailed, RestoreFailed, Cancelled
 */
export async function awaitHeld(instance: PostgresqlInstance, quarantine: Quarantine, order: AwaitHeldOrder, options: WorkOptions = {}): Promise<Held> {
  let last: RecoveryState | null = null
  let starvedSince: number | null = null
  let relaunches = 0
  let silentSince = Date.now()
  for (;;) {
    assertNotCancelled(options.signal)
    const state = await look(instance, quarantine)
    if (state !== null && !state.inRecovery) throw endedByItself(quarantine)
    if (state?.pauseState === 'paused' && order.target.kind !== 'end' && reachedTarget(await logOfStart(quarantine))) {
      return held(state)
    }
    const died = (await quarantinedProcesses(quarantine)).length === 0
    if (died || state?.pauseState === 'paused') {
      // The source was given larger settings meanwhile; pg_control of the copy has them once they were replayed.
      const log = await logOfStart(quarantine)
      if (!settingsTooSmall(log) || relaunches++ >= mostRelaunches) throw recoveryFailure(log, quarantine.directory)
      await relaunchQuarantined(instance, quarantine)
      continue
    }
    if (state === null) await assertNotRefusing(quarantine, silentSince)
    else {
      silentSince = Date.now()
      if (last === null || state.replayedLsn !== last.replayedLsn) report(state, order, options)
      const hungry = state.starved && last?.starved === true && state.replayedLsn === last.replayedLsn
      if (hungry) starvedSince ??= Date.now()
      // While it looks for more it does not starve, but only what it finds ends the hunger.
      else if (state.replayedLsn !== last?.replayedLsn) starvedSince = null
      if (order.target.kind === 'end' && mayHold(state, hungry, order)) return held(state)
      if (order.target.kind === 'end' && starvedSince !== null) assertNotStarved(state, starvedSince, order)
      last = state
    }
    await sleep(pollMs)
  }
}

interface RecoveryState {
  readonly inRecovery: boolean
  readonly pauseState: string
  readonly replayedLsn: string
  readonly lastCommitAt: string | null
  /** The server looked for more WAL, found none and waits to look again. */
  readonly starved: boolean
}

/** Null while the server does not answer. */
async function look(instance: PostgresqlInstance, quarantine: Quarantine): Promise<RecoveryState | null> {
  try {
    return await withQuarantinedServer(instance, quarantine, async (client) => {
      const { rows } = await client.query(`
        select pg_is_in_recovery() as "inRecovery",
               case when pg_is_in_recovery() then pg_get_wal_replay_pause_state() else '' end as "pauseState",
               coalesce(pg_last_wal_replay_lsn(), '0/0')::text as "replayedLsn",
               to_char(pg_last_xact_replay_timestamp(), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "lastCommitAt",
               coalesce((select wait_event = 'RecoveryRetrieveRetryInterval'
                           from pg_stat_activity where backend_type = 'startup'), false) as starved`)
      return rows[0] as RecoveryState
    })
  } catch (error) {
    const waiting = error instanceof MusterError && ['DatabaseDown', 'NotReadyYet', 'Timeout'].includes(error.type)
    if (waiting) return null
    throw error
  }
}

function mayHold(state: RecoveryState, hungry: boolean, order: AwaitHeldOrder): boolean {
  if (order.untilLsn === undefined) return hungry
  return parseLsn(state.replayedLsn) >= parseLsn(order.untilLsn)
}

function assertNotStarved(state: RecoveryState, since: number, order: AwaitHeldOrder): void {
  if (Date.now() - since < (order.starvedAfterSeconds ?? 30) * 1000) return
  throw new MusterError('WalGap', `recovery stands at ${state.replayedLsn} and finds no more WAL, so it cannot reach ${order.untilLsn}`)
}

function held(state: RecoveryState): Held {
  return { replayedLsn: state.replayedLsn, lastCommitAt: state.lastCommitAt }
}

function report(state: RecoveryState, order: AwaitHeldOrder, options: WorkOptions): void {
  // An LSN is a position in bytes, which is all that progress needs.
  const totalBytes = order.untilLsn === undefined ? null : Number(parseLsn(order.untilLsn))
  options.onProgress?.({ phase: 'replay', doneBytes: Number(parseLsn(state.replayedLsn)), totalBytes })
}

async function assertNotRefusing(quarantine: Quarantine, since: number): Promise<void> {
  if (Date.now() - since < mostRefusedMs) return
  const log = await logOfStart(quarantine)
  if (fatalIn(log) !== undefined) throw recoveryFailure(log, quarantine.directory)
}

function endedByItself(quarantine: Quarantine): MusterError {
  return new MusterError('RestoreFailed', `the copy in ${quarantine.directory} was promoted although it should have been held`, {
    hint: 'restore again: where its recovery ended cannot be told',
  })
}

function assertNotCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new MusterError('Cancelled', 'waiting for the recovery was cancelled', { cause: signal.reason })
}
