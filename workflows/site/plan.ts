/** The plan of each system of a lost site, all at once and each by itself: one that cannot be planned says why. */
import { CancellationScope, CancelledFailure, executeChild, isCancellation, ParentClosePolicy, patched, workflowInfo } from '@temporalio/workflow'
import type { SiteScope } from '../../activities/site/scope-site.ts'
import type { SystemToMove } from '../../domain/site-failover.ts'
import { expectedTurns } from '../../domain/turns.ts'
import { failover } from '../failover.ts'
import { failureOf, isFailure } from '../failure-of.ts'
import type { FailoverSiteInput, MoveInput } from '../messages.ts'
import type { MoveResult } from '../move/run-move.ts'
import { cutFor, type SystemPlanned } from './result.ts'

const mostMissing = 5

export async function planSystems(input: FailoverSiteInput, scope: SiteScope): Promise<readonly SystemPlanned[]> {
  const planned = await Promise.all(scope.systems.map((one) => planOne(input, scope, one)))
  const turns = expectedTurns(
    planned.filter(({ problem }) => problem === null).map(({ system, hosts, durationSeconds }) => ({ system, hosts, seconds: durationSeconds })),
    scope.perHost,
  )
  return planned.map((one) => ({ ...one, ...turns.get(one.system) }))
}

async function planOne(input: FailoverSiteInput, scope: SiteScope, { system, priority, to, hosts, rtoSeconds }: SystemToMove): Promise<SystemPlanned> {
  const nothing: SystemPlanned = {
    system,
    priority,
    from: input.site,
    to,
    objectives: { rtoSeconds },
    problem: null,
    hosts,
    plan: null,
    expiresAt: null,
    approvals: null,
    recoveryPointAt: null,
    loss: null,
    durationSeconds: null,
    durationBasis: '',
    startsAfterSeconds: null,
    endsAfterSeconds: null,
    missing: [],
  }
  const cut = cutFor(scope.systems.length)
  try {
    const { plan } = (await executeChild(failover, {
      workflowId: `plan/${system}/${workflowInfo().runId}`,
      args: [{ ...moveInput(input, scope, system), planOnly: true }],
      memo: { site: to },
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      staticSummary: `plan the failover of ${system}`,
    })) as MoveResult
    const { decision, decisionHash, forecast } = plan
    const { count, accept } = decision.approvals
    return {
      ...nothing,
      plan: decisionHash,
      expiresAt: decision.expiresAt,
      approvals: { count, accept },
      recoveryPointAt: forecast.recoveryPoint.flatMap(({ at }) => at ?? []).sort()[0] ?? null,
      loss: { text: cut(forecast.loss.afterTail), seconds: forecast.loss.afterTailSeconds },
      durationSeconds: forecast.durationSeconds,
      durationBasis: cut(forecast.durationBasis),
      missing: missingIn(plan, cut),
    }
  } catch (error) {
    if (!isFailure(error)) throw error
    // Somebody has taken it back: that says nothing of the system.
    if (isCancellation(error) && CancellationScope.current().consideredCancelled && patched('cancelled-site-plan')) throw new CancelledFailure('cancelled')
    const { type, message } = failureOf(error)
    return { ...nothing, problem: { type, message: cut(message) } }
  }
}

function missingIn({ forecast: { storesOut, tailSources, warnings } }: MoveResult['plan'], cut: (text: string) => string): readonly string[] {
  const all = [
    ...storesOut.map(({ store, problem }) => `store ${store}: ${problem}`),
    ...tailSources.filter(({ found }) => !found).map(({ source, detail }) => `${source}: ${detail}`),
    ...warnings,
  ].map(cut)
  return all.length > mostMissing ? [...all.slice(0, mostMissing), `and ${all.length - mostMissing} more: muster failover SYSTEM --plan`] : all
}

/** What a system's own failover is asked. */
export function moveInput({ openWith, acceptLoss, expiresAt, identityFile, requestedBy }: FailoverSiteInput, scope: SiteScope, system: string): MoveInput {
  return {
    system,
    configHash: scope.configHash,
    ...(openWith && { openWith }),
    ...(acceptLoss && { acceptLoss }),
    ...(identityFile !== undefined && { identityFile }),
    ...(expiresAt?.[system] !== undefined && { expiresAt: expiresAt[system] }),
    ...(requestedBy !== undefined && { requestedBy }),
  }
}
