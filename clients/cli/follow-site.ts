/** Follows the failover of a site: a line whenever one of its systems has come further, and what each waits for. */
import type { Client, WorkflowHandle } from '@temporalio/client'
import type { LeftOut } from '../../domain/site-failover.ts'
import type { FailoverSiteResult, SystemMoved } from '../../workflows/messages.ts'
import { lookAtRun, type RunProgress } from '../runs.ts'
import { type SystemRun, systemRunsOf } from '../site-runs.ts'
import { createRates, describeProgress, followLooking, tellPause } from './follow.ts'
import { explain, type ToldFailure } from './output.ts'
import type { Followable } from './unserved.ts'

export interface FollowedSite {
  readonly outcome: string
  readonly systems: readonly SystemMoved[]
  readonly leftOut: readonly LeftOut[]
  readonly seconds: number
  /** Key of the record of the whole; null where there is none. */
  readonly evidence: string | null
  /** Of the worst, where not all went well. */
  readonly problem: ToldFailure | null
}

export async function followSite(desk: Followable, client: Client, handle: WorkflowHandle): Promise<FollowedSite> {
  const { out } = desk
  const startedAt = Date.now()
  const told = new Map<string, string>()
  const rates = new Map<string, ReturnType<typeof createRates>>()
  const look = async (isDone: () => boolean) => {
    const runs = (await systemRunsOf(client, handle).catch(() => null)) ?? []
    const shown: string[] = []
    for (const { system, priority, run } of runs) {
      const progress = run && (await lookAtRun(run.handle).catch(() => null))
      if (!run || !progress || isDone()) continue
      rates.set(system, rates.get(system) ?? createRates())
      if (progress.status === 'RUNNING') shown.push(`${system}: ${describeProgress(progress, rates.get(system) as ReturnType<typeof createRates>)}`)
      const phase = shownPhase(progress)
      if (told.get(system) === phase || phase === 'starting') continue
      told.set(system, phase)
      out.progressDone()
      out.line(`  ${priority} ${system.padEnd(16)} ${phase}${whatToType(phase, run)}`)
      if (progress.paused) tellPause(out, run.handle.workflowId, progress.paused)
    }
    if (out.isTerminal && !isDone()) out.progress(shown.join('  |  '))
  }
  try {
    const { result, seconds } = await followLooking<FailoverSiteResult>(desk, handle, look)
    return { outcome: result.outcome, systems: result.systems, leftOut: result.leftOut, seconds, evidence: result.record?.key ?? null, problem: null }
  } catch (error) {
    const { memo, closeTime, startTime } = await handle.describe()
    const outcome = memo?.['outcome']
    // Terminated, or refused before it began.
    if (typeof outcome !== 'string' || !isMoved(memo?.['systems'])) throw error
    const seconds = closeTime ? (closeTime.getTime() - startTime.getTime()) / 1000 : (Date.now() - startedAt) / 1000
    const systems = await withEvidence(memo['systems'], await systemRunsOf(client, handle))
    return { outcome, systems, leftOut: (memo['leftOut'] ?? []) as readonly LeftOut[], seconds, evidence: keyIn(memo['evidence']), problem: explain(error) }
  }
}

/** A run that was terminated stays at the phase where that happened. */
function shownPhase({ status, phase }: RunProgress): string {
  if (status === 'RUNNING' || ends.includes(phase)) return phase
  return status === 'COMPLETED' ? 'done' : `${phase} (has ended)`
}

const ends = ['failed', 'rolled-back', 'cancelled', 'refused']

function whatToType(phase: string, { handle, description }: NonNullable<SystemRun['run']>): string {
  if (phase === 'fence: waiting for people') return `: is the old side stopped?  muster fence ${handle.workflowId} --statement TEXT`
  if (phase !== 'waiting for approval') return ''
  const plan = description.memo?.['plan']
  return typeof plan === 'string' ? `:  muster approve ${plan.slice(0, 12)}` : ''
}

function isMoved(systems: unknown): systems is readonly SystemMoved[] {
  return Array.isArray(systems) && systems.every((one) => typeof one === 'object' && one !== null && 'outcome' in one)
}

function keyIn(kept: unknown): string | null {
  return (kept as { readonly key?: string } | undefined)?.key ?? null
}

/** A run that failed cannot give its result: where its evidence is stands in its memo. */
async function withEvidence(systems: readonly SystemMoved[], runs: readonly SystemRun[] | null): Promise<readonly SystemMoved[]> {
  return systems.map((one) => {
    const key = keyIn(runs?.find(({ system }) => system === one.system)?.run?.description.memo?.['evidence'])
    return one.record || key === null ? one : { ...one, record: { key, sha256: '', stores: [] } }
  })
}
