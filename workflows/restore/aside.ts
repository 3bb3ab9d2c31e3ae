/**
 * Restores every component beside its target, in quarantine, while the old service goes on:
 * databases are replayed to the target and held there, not promoted.
 */
import { patched } from '@temporalio/workflow'
import type { Held, PrefetchedWal, RestoredAside } from '../../activities/host/restore/types.ts'
import type { FilesDecision } from '../../domain/decision.ts'
import type { ComponentTook } from '../../domain/evidence.ts'
import type { FailureType } from '../../domain/failures.ts'
import { urgentOnHost } from '../activity-options.ts'
import { failureOf, isFailure } from '../failure-of.ts'
import { together } from '../together.ts'
import { refuseLess } from './promise.ts'
import { databases, type RestoreContext, stepOf, timed, trees } from './context.ts'

/** Nothing of this run stays beside the targets when it does not go on; of a safety set that is brought in, only work files. */
export function leaveNothingAside(context: RestoreContext): void {
  const { limits } = context.plan
  for (const decision of context.plan.decision.components) {
    context.saga.before(`remove what was restored of ${decision.component}`, () =>
      urgentOnHost(decision.host, 'control', limits).discardAside.executeWithOptions({ summary: `remove what was restored of ${decision.component}` }, [
        stepOf(context, decision),
      ]),
    )
  }
}

/** @param later trees that are restored when they are at rest; what is made of them is removed by the same undo */
export async function restoreAside(context: RestoreContext, later: readonly FilesDecision[] = []): Promise<Map<string, Held>> {
  const { limits } = context.plan
  leaveNothingAside(context)
  const held = new Map<string, Held>()
  await timed(context, 'restore aside', () =>
    together([
      ...databases(context).map((decision) => async () => {
        const urgent = urgentOnHost(decision.host, 'transfer', limits)
        const step = stepOf(context, decision)
        const from = `${decision.component} from ${decision.fromStore}`
        const fetch = () => urgent.prefetchWal.executeWithOptions({ summary: `fetch WAL of ${from}` }, [step])
        const restore = () => urgent.restoreDatabaseAside.executeWithOptions({ summary: `restore ${from}` }, [step])
        const hold = () => urgent.holdAtTarget.executeWithOptions({ summary: `replay ${decision.component} to the target` }, [step])
        const fromStandby = async () => {
          await urgent.adoptStandby.executeWithOptions({ summary: `take over the standby of ${decision.component}` }, [step])
          await fetch()
          return hold()
        }
        const fromBackup = async () => {
          const [restored, wal] = (await together<unknown>([restore, fetch])) as [RestoredAside, PrefetchedWal]
          const reached = await hold()
          // Of a standby nothing is measured that a restore could be forecast by.
          context.took.set(decision.component, tookOf(restored, wal, reached))
          return reached
        }
        const insteadOfStandby = async (error: unknown) => {
          if (!isOfStandby(error) || !patched('restored-instead-of-a-standby')) throw error
          // Not beside each other: what was fetched for the standby is removed with it.
          await restore()
          await fetch()
          return hold()
        }
        held.set(decision.component, await (decision.standby ? fromStandby().catch(insteadOfStandby) : fromBackup()))
      }),
      ...trees(context)
        .filter((decision) => !later.includes(decision))
        .map((decision) => () => restoreTree(context, decision)),
    ]),
  )
  return held
}

/** A copy that does not come up may be damaged, and its backup is not: a failover goes on without it. */
function isOfStandby(error: unknown): boolean {
  const ofCopy: readonly FailureType[] = [
    'RestoreFailed',
    'RecoveryTargetUnreachable',
    'WrongTarget',
    'ChecksumMismatch',
    'SourceUnreadable',
    'CommandFailed',
    'Timeout',
    'MusterBug',
  ]
  return isFailure(error) && ofCopy.includes(failureOf(error).type)
}

export async function restoreTree(context: RestoreContext, decision: FilesDecision): Promise<void> {
  const urgent = urgentOnHost(decision.host, 'transfer', context.plan.limits)
  const summary = `restore ${decision.component} from ${decision.fromStore}`
  context.restoredTrees.set(decision.component, decision)
  context.took.set(decision.component, tookOf(await urgent.restoreTreeAside.executeWithOptions({ summary }, [stepOf(context, decision)])))
}

function tookOf({ restoredBytes, seconds }: RestoredAside, wal?: PrefetchedWal, held?: Held): ComponentTook {
  const [fetched, replayed] = [wal?.fetched, held?.replayed]
  return { restored: { bytes: restoredBytes, seconds }, ...(fetched && { walFetched: fetched }), ...(replayed && { walReplayed: replayed }) }
}

/** Read-only checks in quarantine. @throws ApplicationFailure CheckFailed */
export async function checkAside(context: RestoreContext): Promise<void> {
  await timed(context, 'check', async () => {
    for (const decision of databases(context)) {
      const { checks } = await urgentOnHost(decision.host, 'control', context.plan.limits).checkRestored.executeWithOptions(
        { summary: `check ${decision.component}` },
        [{ ...stepOf(context, decision), where: 'aside' }],
      )
      context.checks.push(...checks)
    }
  })
}

/**
 * Target `latest`: what was saved after the stop is replayed too, so that nothing that can be reached is lost.
 * @param held how far the copies are; changed to how far they are then
 */
export async function replayTail(context: RestoreContext, held: Map<string, Held>): Promise<void> {
  if (context.plan.decision.target.kind !== 'latest') return refuseLess(context.plan, held)
  await timed(context, 'replay the tail', async () => {
    for (const decision of databases(context)) {
      const tail = context.tails.get(decision.component)
      if (!tail?.untilLsn) continue
      const replayed = await urgentOnHost(decision.host, 'transfer', context.plan.limits).replayTail.executeWithOptions(
        { summary: `replay the tail of ${decision.component}` },
        [{ ...stepOf(context, decision), untilLsn: tail.untilLsn }],
      )
      held.set(decision.component, replayed)
    }
  })
  refuseLess(context.plan, held)
}

/** Makes the held copies writable, still in quarantine, and stops them: ready to be swapped in. */
export async function promoteAside(context: RestoreContext) {
  return timed(context, 'promote', async () => {
    const promoted = new Map<string, Awaited<ReturnType<ReturnType<typeof urgentOnHost>['promoteAside']>>>()
    for (const decision of databases(context)) {
      promoted.set(
        decision.component,
        await urgentOnHost(decision.host, 'control', context.plan.limits).promoteAside.executeWithOptions({ summary: `promote ${decision.component}` }, [
          stepOf(context, decision),
        ]),
      )
    }
    return promoted
  })
}
