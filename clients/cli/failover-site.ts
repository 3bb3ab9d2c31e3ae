/** `muster failover --site`: one table of plans, then the failover of each system, and one table of what came of them. */
import type { Client } from '@temporalio/client'
import type { Config } from '../../domain/config.ts'
import { siteOfSystem } from '../../domain/copies.ts'
import { failures, MusterError } from '../../domain/failures.ts'
import { otherSite } from '../../domain/placement.ts'
import { systemsAt } from '../../domain/site-failover.ts'
import type { FailoverSiteResult } from '../../workflows/messages.ts'
import type { Desk } from './desk.ts'
import type { Followable } from './unserved.ts'
import { startFor } from './start.ts'
import { showMovedSystems, showSitePlan } from './failover-site-view.ts'
import { follow } from './follow.ts'
import { followSite } from './follow-site.ts'
import { formInput } from './restore-view.ts'
import { goOfflineTo, type OfflineWords } from './offline.ts'

/** As they are typed. */
export interface SiteOptions extends OfflineWords {
  readonly site?: string
  readonly to?: string
  readonly from?: string
  readonly openWith?: string[]
  readonly acceptLoss?: boolean
  readonly identity?: string
  readonly plan?: boolean
  readonly dryRun?: boolean
  readonly yes?: string
  readonly wait: boolean
}

/** Exit code where everything that could be brought back was, and a system of the site has no failover plan. */
const notAll = 1

export async function failoverSite(desk: Desk, systems: readonly string[], options: SiteOptions & { readonly site: string }): Promise<void> {
  const { out } = desk
  const { site } = options
  if (options.yes !== undefined || options.from !== undefined)
    throw new MusterError('InvalidInput', '--yes and --from are for one system', { hint: 'each plan of a site is approved by itself: muster approve HASH …' })
  const { config, whole } = await desk.applied(null)
  const named = systems.length > 0 ? systems : null
  const to = destination({ config, whole, site, named }, options)
  const uiUrl = options.offline ? await goOfflineTo(desk, to, options) : desk.uiUrl
  const client = await desk.temporal()
  const input = {
    site,
    requestedBy: desk.user,
    ...(named && { systems: named }),
    ...((options.to !== undefined || options.offline) && { to }),
    ...(options.acceptLoss && { acceptLoss: true }),
    ...(options.openWith && { openWith: options.openWith }),
    ...(options.identity && { identityFile: options.identity }),
  }
  const request = { type: 'failoverSite' as const, system: site, site: to }
  const { result: plan } = await follow<FailoverSiteResult>(desk, await startFor(desk, { ...request, input: { ...input, planOnly: true }, id: 'plan' }))
  const final = Boolean(options.plan || options.dryRun)
  showSitePlan(out, plan, { input: formInput(input, to), uiUrl, final })
  if (final) {
    process.exitCode = exitCodeOfPlan(plan)
    return out.result(plan, () => undefined)
  }
  const expiresAt = Object.fromEntries(plan.planned.flatMap((one) => (one.expiresAt === null ? [] : [[one.system, one.expiresAt]])))
  const handle = await startFor(desk, { ...request, input: { ...input, expiresAt }, id: 'site' })
  if (plan.planned.some(({ approvals }) => approvals && approvals.count > 0)) out.line(`  approve all that wait:  muster approve --run ${handle.workflowId}`)
  if (!options.wait)
    return out.result({ workflowId: handle.workflowId, planned: plan.planned }, () =>
      out.line(`started ${handle.workflowId}\n  watch it: muster watch ${handle.workflowId}`),
    )
  await watchSite(desk, client, handle.workflowId, handle.firstExecutionRunId)
}

/** Follows the failover of a site to its end, and says what came of each system. Sets the exit code: that of the worst. */
export async function watchSite(desk: Followable, client: Client, workflowId: string, runId?: string): Promise<void> {
  const { out } = desk
  const { systems, leftOut, outcome, problem, seconds, evidence } = await followSite(desk, client, client.workflow.getHandle(workflowId, runId))
  process.exitCode = problem?.exitCode ?? (outcome === 'degraded' ? notAll : 0)
  out.result({ workflowId, outcome, seconds, systems, leftOut, evidence, ...(problem && { error: problem }) }, () => {
    showMovedSystems(out, systems, leftOut)
    out.line(`  evidence ${evidence ?? 'none'}`)
    out.line(`${outcome} in ${seconds.toFixed(1)} s${problem ? `: ${problem.message}` : ''}`)
  })
}

/** The site whose worker plans and drives; of several the one that most go to. @throws MusterError NothingToDo | InvalidInput */
function destination(
  about: { readonly config: Config; readonly whole: Config; readonly site: string; readonly named: readonly string[] | null },
  { to, offline }: SiteOptions,
): string {
  const { config, whole, site, named } = about
  const count = new Map<string, number>()
  for (const system of systemsAt(whole, site, named)) {
    if (siteOfSystem(config, system) !== site || !whole.systems[system]?.failover) continue
    const goes = otherSite(whole, system, site)
    count.set(goes, (count.get(goes) ?? 0) + 1)
  }
  const sites = [...count].sort((a, b) => b[1] - a[1]).map(([name]) => name)
  const [most] = sites
  if (most === undefined) {
    throw new MusterError('NothingToDo', `no system that is active at site "${site}" has a failover plan`, { hint: 'see where each system is: muster status' })
  }
  if (to !== undefined && !sites.includes(to)) throw new MusterError('InvalidInput', `from site "${site}" systems go to: ${sites.join(', ')}; not to "${to}"`)
  if (to === undefined && offline && sites.length > 1) {
    throw new MusterError('InvalidInput', `systems of site "${site}" go to ${sites.join(' and ')}; from this machine only those of its own site can be moved`, {
      hint: `say which: --to ${most}`,
    })
  }
  return to ?? most
}

function exitCodeOfPlan({ planned, outcome }: FailoverSiteResult): number {
  const problem = planned.find((one) => one.problem)?.problem
  if (problem) return failures[problem.type].exitCode
  if (outcome === 'failed') return failures.Unreachable.exitCode
  return outcome === 'degraded' ? notAll : 0
}
