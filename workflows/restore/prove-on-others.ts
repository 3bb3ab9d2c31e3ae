/** A plan is made on one host, which tries there what the restore will need; other hosts that restore try it too. */
import { patched } from '@temporalio/workflow'
import type { RestorePlan } from '../../activities/host/restore/types.ts'
import { urgentOnHost } from '../activity-options.ts'

export interface PlannedOn {
  readonly host: string
  readonly identityFile: string | null
  /** Made again, right before something is stopped: it was tried then. */
  readonly again: boolean
}

/** @throws what says that a host could not restore its part */
export async function proveOnOthers(plan: RestorePlan, { host: planner, identityFile, again }: PlannedOn): Promise<RestorePlan> {
  const { system, configHash, components } = plan.decision
  const hosts = [...new Set(components.map(({ host }) => host))].filter((host) => host !== planner)
  if (again || hosts.length === 0 || !patched('restorable-on-every-host')) return plan
  const found = await Promise.all(
    hosts.map((host) => {
      const backups = components.filter((one) => one.host === host).map(({ component, backup, fromStore }) => ({ component, backup, fromStore }))
      const asked = { system, configHash, identityFile, backups }
      return urgentOnHost(host, 'control', plan.limits).proveRestorable.executeWithOptions({ summary: `whether ${host} could restore its part` }, [asked])
    }),
  )
  // Beside the decision, like the forecast: whoever approves reads them with it.
  const warnings = [...plan.forecast.warnings, ...found.flatMap((one) => one.warnings)]
  return { ...plan, forecast: { ...plan.forecast, warnings } }
}
