/** Observes the target on its hosts and makes the plan; made again right before the first irreversible step. */
import type { PlanRestoreInput, RestorePlan } from '../../activities/host/restore/types.ts'
import type { RestoreDecision } from '../../domain/decision.ts'
import { defaultTimeLimits, firstLimits } from '../../domain/time-limits.ts'
import type { TargetObservation } from '../../domain/target.ts'
import { onSite, urgentOnHost } from '../activity-options.ts'
import { fail } from '../procedure.ts'
import { proveOnOthers } from './prove-on-others.ts'

export type PlanRequest = Omit<PlanRestoreInput, 'observations' | 'pinned'>

/** @param before the plan that is made again; without one its limits are not known before the scope is */
export async function makePlan(site: string, request: PlanRequest, before: RestorePlan | null, summary: string): Promise<RestorePlan> {
  const pinned: RestoreDecision | null = before?.decision ?? null
  const scope = await onSite(site, 'control', before?.limits ?? firstLimits).scopeRestore.executeWithOptions(
    { summary: `what ${request.system} consists of` },
    [{ system: request.system, components: request.components, configHash: request.configHash }],
  )
  const limits = scope.limits ?? defaultTimeLimits
  const observed = await Promise.all(
    scope.hosts.map((host) =>
      urgentOnHost(host, 'control', limits).observeTargets.executeWithOptions({ summary: `look at the target on ${host}` }, [
        {
          system: request.system,
          components: scope.components.filter((one) => one.host === host).map((one) => one.component),
          services: scope.services.filter((one) => one.host === host).map((one) => one.service),
          configHash: scope.configHash,
          into: request.into,
        },
      ]),
    ),
  )
  const observations: readonly TargetObservation[] = observed.flat()
  const input = { ...request, configHash: scope.configHash, observations, pinned }
  const [first] = scope.hosts
  if (first === undefined) throw fail('NothingToDo', `system "${request.system}" has nothing to restore`)
  const plan = await urgentOnHost(first, 'control', limits).planRestore.executeWithOptions({ summary }, [input])
  return proveOnOthers(plan, { host: first, identityFile: request.identityFile ?? null, again: pinned !== null })
}
