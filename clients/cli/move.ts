/** `muster failover`, `switchover`, `failback`: the plan, then the run, at the site it goes to. */
import type { Command } from 'commander'
import { siteOfSystem } from '../../domain/copies.ts'
import { MusterError } from '../../domain/failures.ts'
import type { MoveProcedure } from '../../domain/move.ts'
import { otherSite } from '../../domain/placement.ts'
import type { MoveResult } from '../../workflows/messages.ts'
import { listenText } from './run.ts'
import { parseYes, planMatching, tellWhatToApprove } from './approve-here.ts'
import type { Desk } from './desk.ts'
import { startFor } from './start.ts'
import { failoverSite, type SiteOptions } from './failover-site.ts'
import { follow } from './follow.ts'
import { goOfflineTo, type OfflineWords } from './offline.ts'
import { showMoved } from './move-view.ts'
import { showPlan } from './restore-view.ts'
import { known } from './status.ts'
import { filesOption, showTreeFiles } from './tree-files.ts'

interface MoveOptions extends OfflineWords {
  readonly from?: string
  readonly openWith?: string[]
  readonly acceptLoss?: boolean
  readonly identity?: string
  readonly plan?: boolean
  readonly dryRun?: boolean
  readonly files?: boolean
  readonly yes?: string
  readonly wait: boolean
}

const moves: Readonly<Record<MoveProcedure, string>> = {
  failover: 'move a system to its other site, where the one it is at may be lost',
  switchover: 'move a system to its other site while both work: nothing is lost',
  failback: 'move a system back to its home site: nothing is lost',
}

export function addMoves(program: Command, desk: () => Desk): void {
  for (const [type, description] of Object.entries(moves) as [MoveProcedure, string][]) {
    const command = program
      .command(type)
      .description(description)
      .argument(type === 'failover' ? '[system...]' : '<system>', type === 'failover' ? 'one; with --site those of it, all unless named' : '')
      .option('--from <store>', 'read from this store')
      .option('--accept-loss', 'more than maxLoss may be lost')
      .option('--open-with <store...>', 'open even if these required stores cannot be reached')
      .option('--identity <file>', 'an age identity on the hosts there, for this run only')
      .option('--plan', 'show the plan and end')
      .option('--dry-run', 'the same as --plan')
      .option(...filesOption)
      .option('--yes <plan@expiry>', 'approve this plan in the same command, as --plan printed it')
      .option('--no-wait', 'start it and return')
      .action(async (named: string | string[], options: MoveOptions & SiteOptions) => {
        const systems = [named].flat()
        return options.site === undefined ? move(desk(), type, only(systems), options) : failoverSite(desk(), systems, { ...options, site: options.site })
      })
    if (type !== 'failover') continue
    command
      .option('--site <site>', 'the site that is lost: every system that is active there, by priority')
      .option('--to <site>', 'with --site: only those that go to this site')
      .option('--offline', 'Temporal is gone as well: run it on one that is started here, at the site it goes to')
      .option('--port <port>', 'of that Temporal', '7233')
      .option('--ui-port <port>', 'of its UI', '8233')
      .option('--listen <address>', listenText, '127.0.0.1')
  }
}

/** @throws MusterError InvalidInput */
function only([system, ...others]: readonly string[]): string {
  if (system !== undefined && others.length === 0) return system
  throw new MusterError('InvalidInput', system === undefined ? 'no system is named' : 'several systems are named', {
    hint: 'name one: muster failover SYSTEM, or the site that is lost: muster failover --site SITE [SYSTEM …]',
  })
}

async function move(desk: Desk, type: MoveProcedure, system: string, options: MoveOptions): Promise<void> {
  const { out } = desk
  const { config, whole } = await desk.applied(null)
  const site = otherSite(whole, known(whole, system), siteOfSystem(config, system))
  const uiUrl = options.offline ? await goOfflineTo(desk, site, options) : desk.uiUrl
  const yes = options.yes === undefined ? null : parseYes(options.yes)
  const input = { ...inputOf(system, options, desk.user), ...(yes && { expiresAt: yes.expiresAt }) }
  const { result: planned } = await follow<MoveResult>(desk, await startFor(desk, { type, system, site, input: { ...input, planOnly: true }, id: 'plan' }))
  const { plan } = planned
  const final = Boolean(options.plan || options.dryRun)
  showPlan(out, plan, { type, input, site, uiUrl, final })
  const listed = await showTreeFiles(desk, config, plan, options)
  if (final) return out.result({ ...plan, ...listed }, () => undefined)
  const approve = yes && planMatching(yes.plan, plan.decisionHash)
  const handle = await startFor(desk, {
    type,
    system,
    site,
    input: { ...input, expiresAt: plan.decision.expiresAt, ...(approve && { approve: plan.decisionHash }) },
    id: 'target',
  })
  if (!options.wait)
    return out.result({ workflowId: handle.workflowId, plan: plan.decisionHash }, () =>
      out.line(`started ${handle.workflowId}\n  watch it: muster watch ${handle.workflowId}`),
    )
  const { result, seconds } = await follow<MoveResult>(desk, handle, (phase) => {
    if (phase === 'waiting for approval') void tellWhatToApprove(desk, handle, plan.decisionHash)
    if (phase === 'fence: waiting for people')
      out.line(`  waits for people who say that the old side is stopped:  muster fence ${handle.workflowId} --statement TEXT`)
  })
  out.result({ workflowId: handle.workflowId, seconds, ...result }, () => showMoved(out, result, seconds))
}

function inputOf(system: string, options: MoveOptions, user: string): Record<string, unknown> {
  return {
    system,
    requestedBy: user,
    ...(options.from && { from: options.from }),
    ...(options.acceptLoss && { acceptLoss: true }),
    ...(options.openWith && { openWith: options.openWith }),
    ...(options.identity && { identityFile: options.identity }),
  }
}
