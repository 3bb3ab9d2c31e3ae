/**
 * Restores every component beside its target, in quarantine, while the old service goes on:
 * databases are replayed to the target and held there, not promoted.
 */
import type { Held, SavedTail } from '../../activities/host/restore/types.ts'
import { urgentOnHost } from '../activity-options.ts'
import { fail } from '../procedure.ts'
import { together } from '../together.ts'
import { databases, type RestoreContext, stepOf, timed, trees } from './context.ts'

export async function restoreAside(context: RestoreContext): Promise<ReadonlyMap<string, Held>> {
  const { limits } = context.plan
  for (const decision of context.plan.decision.components) {
    context.saga.before(`remove what was restored of ${decision.component}`, () =>
      urgentOnHost(decision.host, 'control', limits).discardAside.executeWithOptions({ summary: `remove what was restored of ${decision.component}` }, [
        stepOf(context, decision),
      ]),
    )
  }
  const held = new Map<string, Held>()
  await timed(context, 'restore aside', () =>
    together([
      ...databases(context).map((decision) => async () => {
        const urgent = urgentOnHost(decision.host, 'transfer', limits)
        const step = stepOf(context, decision)
        const from = `${decision.component} from ${decision.fromStore}`
        await together<unknown>([
          () => urgent.restoreDatabaseAside.executeWithOptions({ summary: `restore ${from}` }, [step]),
          () => urgent.prefetchWal.executeWithOptions({ summary: `fetch WAL of ${from}` }, [step]),
        ])
        held.set(decision.component, await urgent.holdAtTarget.executeWithOptions({ summary: `replay ${decision.component} to the target` }, [step]))
      }),
      ...trees(context).map((decision) => async () => {
        const urgent = urgentOnHost(decision.host, 'transfer', limits)
        const summary = `restore ${decision.component} from ${decision.fromStore}`
        await urgent.restoreTreeAside.executeWithOptions({ summary }, [stepOf(context, decision)])
      }),
    ]),
  )
  return held
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

/** Target `latest`: what was saved after the stop is replayed too, so that nothing that can be reached is lost. */
export async function replayTail(context: RestoreContext, tails: ReadonlyMap<string, SavedTail>): Promise<void> {
  if (context.plan.decision.target.kind !== 'latest') return
  await timed(context, 'replay the tail', async () => {
    for (const decision of databases(context)) {
      const tail = tails.get(decision.component)
      if (!tail?.untilLsn) continue
      const held = await urgentOnHost(decision.host, 'transfer', context.plan.limits).replayTail.executeWithOptions(
        { summary: `replay the tail of ${decision.component}` },
        [{ ...stepOf(context, decision), untilLsn: tail.untilLsn }],
      )
      const atLeast = context.plan.decision.bounds.lastCommitAtLeast
      if (atLeast !== null && held.lastCommitAt !== null && held.lastCommitAt < atLeast) {
        throw fail('OutOfBounds', `${decision.component} was replayed to ${held.lastCommitAt}, but the approved plan promises ${atLeast}`)
      }
    }
  })
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
