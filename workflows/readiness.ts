/** What a drill of kind failover shows before anything is restored: that a failover could be planned right now. */
import { patched } from '@temporalio/workflow'
import type { MoveScope } from '../activities/site/scope-move.ts'
import type { TriedFence } from '../activities/site/try-fence.ts'
import type { CheckResult } from '../domain/repository-format.ts'
import { onSite } from './activity-options.ts'
import type { DrillInput } from './messages.ts'
import { makeMovePlan } from './move/plan.ts'

export interface Readiness {
  readonly checks: readonly CheckResult[]
  /** What a failover would do without, such as a standby. */
  readonly remarks: readonly string[]
}

/** Everything of a failover that changes nothing: both sites looked at, loss, space, secrets, DNS records, the fence's proof. */
export async function planFailover(input: DrillInput, site: string): Promise<Readiness> {
  const ask = { system: input.system, configHash: input.configHash, requestedBy: input.requestedBy }
  const { plan, scope, dnsWarnings } = await makeMovePlan(site, 'failover', ask, null, `whether ${input.system} could fail over to ${site}`)
  const { move } = plan.decision
  const tried = scope.fence.includes('command') && patched('fence-tried-in-a-drill') ? await tryFenceOf(input.system, site, scope) : null
  const check = (name: string, detail: string): CheckResult => ({ name, value: null, ok: true, detail })
  return {
    checks: [
      check(`failover from ${scope.from} to ${scope.to} can be planned`, `decision ${plan.decisionHash.slice(0, 12)}, ${plan.decision.steps.length} steps`),
      ...(move?.dns ?? []).map(({ record, wanted }) => check(`${record} can be changed`, `to ${wanted.values.join(', ')}`)),
      ...(tried?.problem === null ? [check('the fence can tell a site that is not stopped', 'its proof does not hold now')] : []),
    ],
    remarks: [...dnsWarnings, ...(plan.notWarm ?? []), ...(tried?.problem ? [tried.problem] : [])],
  }
}

function tryFenceOf(system: string, site: string, { configHash, limits }: MoveScope): Promise<TriedFence> {
  return onSite(site, 'control', limits).tryFence.executeWithOptions({ summary: `whether the fence of ${system} proves anything` }, [{ system, configHash }])
}
