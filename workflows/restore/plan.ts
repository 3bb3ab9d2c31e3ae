/** Observes the target on its hosts and makes the plan; made again right before the first irreversible step. */
import type { PlanRestoreInput, RestorePlan } from '../../activities/host/restore/types.ts'
import type { RestoreDecision } from '../../domain/decision.ts'
import { defaultTimeLimits } from '../../domain/time-limits.ts'
import type { TargetObservation } from '../../domain/target.ts'
import { onSite, urgentOnHost } from '../activity-options.ts'
import { fail } from '../procedure.ts'

export type PlanRequest = Omit<PlanRestoreInput, 'observations' | 'pinned'>

export async function makePlan(site: string, request: PlanRequest, pinned: RestoreDecision | null, summary: string): Promise<RestorePlan> {
  const scope = await onSite(site).scopeRestore.executeWithOptions({ summary: `what ${request.system} consists of` }, [
    { system: request.system, components: request.components, configHash: request.configHash },
  ])
  const observed = await Promise.all(
    scope.hosts.map((host) =>
      urgentOnHost(host, 'control', defaultTimeLimits).observeTargets.executeWithOptions({ summary: `look at the target on ${host}` }, [
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
  return urgentOnHost(first, 'control', defaultTimeLimits).planRestore.executeWithOptions({ summary }, [input])
}
