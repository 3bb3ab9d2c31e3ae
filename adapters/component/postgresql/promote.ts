import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { MusterError } from '../../../domain/failures.ts'
import { formatLsn, historyName, parseTimelineHistory } from '../../../domain/wal.ts'
import { runTool } from '../../process/run-tool.ts'
import type { WorkOptions } from '../component.ts'
import { inspectDataDirectory } from './data-directory.ts'
import { type PostgresqlInstance, osUserOf } from './instance.ts'
import { findServerProgram } from './programs.ts'
import type { Quarantine } from './quarantine.ts'
import { withQuarantinedServer } from './quarantined-connection.ts'
import { logOfStart, quarantinedProcesses } from './quarantined-server.ts'
import { readLog, recoveryFailure } from './recovery-log.ts'

export interface Promoted {
  readonly timelineId: number
  /** Where the new timeline left its parent's. */
  readonly forkLsn: string
  readonly parentTimelineId: number
}

const pollMs = 100

/**
 * Promotes a held copy, still in quarantine, and proves it: out of recovery, a commit written, and the new timeline
 * told alike by the server, its history file and its log. Idempotent: an already promoted copy is only proven.
 * @throws MusterError RestoreFailed, NotReadyYet, DiskFull, Cancelled
 */
export async function promoteHeld(instance: PostgresqlInstance, quarantine: Quarantine, options: WorkOptions = {}): Promise<Promoted> {
  if (await inRecovery(instance, quarantine)) await requestPromotion(instance, quarantine, options)
  while (await inRecovery(instance, quarantine)) {
    if (options.signal?.aborted) throw new MusterError('Cancelled', 'waiting for the promotion was cancelled')
    await sleep(pollMs)
  }
  const timelineId = await withQuarantinedServer(instance, quarantine, tick)
  const fork = await forkOf(quarantine, timelineId)
  await assertLogged(quarantine, timelineId)
  return { timelineId, ...fork }
}

async function inRecovery(instance: PostgresqlInstance, quarantine: Quarantine): Promise<boolean> {
  try {
    return await withQuarantinedServer(instance, quarantine, async (client) => {
      const { rows } = await client.query('select pg_is_in_recovery() as yes')
      return rows[0].yes as boolean
    })
  } catch (error) {
    const lost = error instanceof MusterError && error.type === 'DatabaseDown'
    if (lost && (await quarantinedProcesses(quarantine)).length === 0) {
      throw recoveryFailure(await logOfStart(quarantine), quarantine.directory)
    }
    throw error
  }
}

async function requestPromotion(instance: PostgresqlInstance, quarantine: Quarantine, options: WorkOptions): Promise<void> {
  const facts = await inspectDataDirectory(instance, quarantine.directory)
  if (facts === null) throw new MusterError('WrongTarget', `${quarantine.directory} is not a data directory of PostgreSQL`)
  const program = await findServerProgram(instance, 'pg_ctl', facts.serverMajor)
  const runAs = await osUserOf(instance)
  await runTool(program.path, ['promote', '-D', quarantine.directory, '-W'], {
    ...(runAs === undefined ? {} : { runAs }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })
}

/** A commit shows that it is writable, and is what a later recovery can aim at. */
async function tick(client: pg.Client): Promise<number> {
  await client.query('begin transaction read write')
  await client.query("select pg_logical_emit_message(true, 'muster', 'tick')")
  await client.query('commit')
  const { rows } = await client.query('select pg_walfile_name(pg_current_wal_lsn()) as name')
  return Number.parseInt((rows[0].name as string).slice(0, 8), 16)
}

async function forkOf(quarantine: Quarantine, timelineId: number): Promise<{ readonly forkLsn: string; readonly parentTimelineId: number }> {
  const name = historyName(timelineId)
  const text = await readFile(join(quarantine.directory, 'pg_wal', name), 'utf8').catch(() => '')
  const fork = parseTimelineHistory(text).at(-1)
  if (fork) return { forkLsn: formatLsn(fork.forkLsn), parentTimelineId: fork.parentTimelineId }
  throw new MusterError('RestoreFailed', `${quarantine.directory} has no timeline history ${name}, so it was not promoted from a recovery`)
}

async function assertLogged(quarantine: Quarantine, timelineId: number): Promise<void> {
  const log = await readLog(quarantine.logFile, 0)
  const selected = [...log.matchAll(/selected new timeline ID: (\d+)/g)].at(-1)?.[1]
  if (Number(selected) === timelineId && /archive recovery complete/.test(log)) return
  throw new MusterError('RestoreFailed', `the log ${quarantine.logFile} does not confirm timeline ${timelineId}: it says ${selected ?? 'nothing'}`)
}
