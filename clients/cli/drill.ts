import type { Command } from 'commander'
import { siteOfSystem } from '../../domain/copies.ts'
import { toMicros } from '../../domain/times.ts'
import type { DrillResult } from '../../workflows/messages.ts'
import { otherSite } from '../../domain/placement.ts'
import type { Desk } from './desk.ts'
import { startFor } from './start.ts'
import { showDrill, showDrillPlan } from './drill-view.ts'
import { follow } from './follow.ts'
import { known } from './status.ts'

interface DrillOptions {
  readonly kind: 'restore' | 'pitr' | 'component' | 'failover'
  readonly component?: string[]
  readonly host?: string
  readonly from?: string
  readonly random?: boolean
  readonly to?: string
  readonly drill?: string
  readonly plan?: boolean
  readonly dryRun?: boolean
  readonly wait: boolean
}

export function addDrill(program: Command, desk: () => Desk): void {
  program
    .command('drill')
    .description('rehearse a recovery in quarantine, measure it, clean up, and keep the evidence')
    .argument('<system>')
    .option('--kind <kind>', 'restore (the newest moment), pitr (a moment in the window), component, or failover (at the other site)', 'restore')
    .option('--component <name...>', 'only these components')
    .option('--host <host>', 'rehearse on this host; it must be one of encryption.restoreHosts')
    .option('--from <store>', 'read from this store')
    .option('--random', 'a recovery point by chance, however old')
    .option('--to <time>', 'with --kind pitr: this moment, such as "2026-11-20 02:14" (UTC unless an offset is given)')
    .option('--drill <name>', 'also run the smoke command of this configured drill')
    .option('--plan', 'show what would be rehearsed and how long it is expected to take, and end')
    .option('--dry-run', 'the same as --plan')
    .option('--no-wait', 'start it and return')
    .action(async (system: string, options: DrillOptions) => rehearse(desk(), system, options))
}

async function rehearse(desk: Desk, system: string, options: DrillOptions): Promise<void> {
  const { kind, component, host, from, random, to, drill, wait } = options
  const planOnly = Boolean(options.plan || options.dryRun)
  const { out } = desk
  const { config, whole } = await desk.applied(null)
  const active = siteOfSystem(config, system)
  const site = kind === 'failover' ? otherSite(whole, known(whole, system), active) : active
  const chosen = {
    ...(component && { components: component }),
    ...(host && { host }),
    ...(from && { from }),
    ...(random && { random }),
    ...(to !== undefined && { to: { time: toMicros(to) } }),
    ...(drill && { drill }),
  }
  const input = { system, kind, requestedBy: desk.user, ...chosen, ...(planOnly && { planOnly }) }
  const handle = await startFor(desk, { type: 'drill', system, site, input, id: planOnly ? 'plan' : 'additive' })
  const { workflowId } = handle
  if (!wait && !planOnly) return out.result({ workflowId }, () => out.line(`started ${workflowId}\n  watch it: muster watch ${workflowId}`))
  const { result, seconds } = await follow<DrillResult>(desk, handle)
  if (planOnly) return out.result(result.plan, () => showDrillPlan(out, result))
  out.result({ workflowId, seconds, ...result }, () => showDrill(out, result))
}
