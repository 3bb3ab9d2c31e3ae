import type { Command } from 'commander'
import { MusterError } from '../../domain/failures.ts'
import type { AskedAgent } from '../../workflows/messages.ts'
import type { ApplyResult } from '../apply.ts'
import { type FailoverReadiness, lookAtFailovers } from '../failover-readiness.ts'
import { adoptTemporal, showAdopted } from './adopt.ts'
import { kitLines } from './kit-view.ts'
import type { Desk } from './desk.ts'
import type { Output } from './output.ts'

/** Temporal asks nobody who they are. */
export const listenText = 'where both listen: 0.0.0.0 lets agents of other machines in, and everybody who reaches the ports'

export function addUp(program: Command, desk: () => Desk): void {
  program
    .command('up')
    .description("run everything on this host: Temporal's embedded server, worker, WAL shipper")
    .option('--port <port>', 'of Temporal', '7233')
    .option('--ui-port <port>', 'of the Temporal UI', '8233')
    .option('--listen <address>', listenText, '127.0.0.1')
    .option('--host <host>', 'this host, as the config names it; the first of it, or the one that a store was opened as, unless given')
    .option('--site <site>', 'its site')
    .action(async ({ port, uiPort, ...where }: { port: string; uiPort: string; listen: string; host?: string; site?: string }) =>
      desk().up({ port: Number(port), uiPort: Number(uiPort), ...where }),
    )
}

export function addWorker(program: Command, desk: () => Desk): void {
  program
    .command('worker')
    .description('run the agent of a host (and, with --site-queue or --workflows, the control work of a site)')
    .option('--host <host>', 'this host, as the config names it', 'localhost')
    .option('--site <site>', 'this site, as the config names it', 'primary')
    .option('--workflows', 'also run workflow code')
    .option('--site-queue', "also serve the site's queue")
    .option('--all', 'everything')
    .option('--no-host-queue', "do not serve the host's queues")
    .action(async (options: { host: string; site: string; workflows?: boolean; siteQueue?: boolean; all?: boolean; hostQueue: boolean }) =>
      desk().worker({
        host: options.host,
        site: options.site,
        roles: { workflows: Boolean(options.all || options.workflows), site: Boolean(options.all || options.siteQueue), host: options.hostQueue },
      }),
    )
  program
    .command('shipper', { hidden: true })
    .option('--host <host>', 'this host', 'localhost')
    .option('--site <site>', 'this site', 'primary')
    .action(async (options: { host: string; site: string }) => desk().shipper(options))
}

export function addApply(program: Command, desk: () => Desk): void {
  program
    .command('apply')
    .description('sign the configuration, bring it to every store and agent, and make the schedules equal to it')
    .option('--dry-run', 'show what would change')
    .option('--without-temporal', 'leave the schedules and the agents of other hosts out')
    .option('--adopt', 'first decide about a Temporal that was lost or rolled back, so that workers that are held back go on')
    .option('--yes', 'with --adopt: decide as listed, without being asked')
    .option('--looked-at <run...>', 'with --adopt: this run has no known end, and you have looked at the system')
    .action(async (options: ApplyOptions) => {
      const { out, apply, load, canApply } = desk()
      const { dryRun = false, withoutTemporal = false } = options
      const adoption = options.adopt ? await adoptTemporal(desk(), { dryRun, yes: options.yes ?? false, lookedAt: options.lookedAt ?? [] }) : null
      // A machine that was set up from a store adopts its Temporal, and applies nothing.
      if (adoption !== null && !(await canApply())) return out.result({ adoption }, () => showAdopted(desk(), adoption))
      for (const warning of (await load()).warnings) out.warn(warning)
      const result = await apply({ dryRun, withoutTemporal })
      const failovers = dryRun || withoutTemporal || result.agents.length === 0 ? [] : await readiness(desk(), result)
      out.result({ ...(adoption !== null && { adoption }), ...result, failovers }, () => {
        if (adoption !== null) showAdopted(desk(), adoption)
        showApplied(out, result, dryRun)
        for (const one of failovers) out.line(`  failover ${one.system} to ${one.to}   ${readinessText(one)}`)
      })
      const refused = result.agents.find(({ state }) => state === 'refused')
      if (refused?.problem) throw new MusterError(refused.problem.type, refusalText(result), { hint: 'mend what the agent says, then apply again' })
    })
}

/** The readiness of every failover is part of what was applied. */
async function readiness(desk: Desk, { agents }: ApplyResult): Promise<readonly FailoverReadiness[]> {
  const { config, whole } = await desk.applied(null)
  return lookAtFailovers(await desk.temporal(), { config, whole, agents, requestedBy: desk.user })
}

function readinessText({ ready, detail }: FailoverReadiness): string {
  if (ready === null) return `could not be looked at: ${detail}`
  return ready ? `✓ can be planned; ${detail}` : `NOT READY: ${detail}`
}

interface ApplyOptions {
  readonly dryRun?: boolean
  readonly withoutTemporal?: boolean
  readonly adopt?: boolean
  readonly yes?: boolean
  readonly lookedAt?: string[]
}

function showApplied(out: Output, result: ApplyResult, dryRun: boolean): void {
  out.line(`${dryRun ? 'would apply' : 'applied'} ${result.configHash.slice(0, 12)}`)
  for (const { store, ok, problem } of result.stores) out.line(`  store ${store.padEnd(14)} ${ok ? '✓' : `owed: ${problem}`}`)
  for (const kit of result.kits) for (const line of kitLines(kit)) out.line(`  ${line}`)
  for (const agent of result.agents) out.line(`  ${agent.kind.padEnd(5)} ${agent.name.padEnd(14)} ${agentText(agent)}`)
  for (const { id, change, every } of result.schedules) out.line(`  ${change.padEnd(7)} ${id}${every ? `  (${every})` : ''}`)
}

function agentText({ state, problem }: AskedAgent): string {
  if (state === 'has') return '✓'
  if (state === 'refused') return `refused: ${problem?.message}`
  return `owed: ${problem?.message}; it fetches it when it starts (muster worker)`
}

function refusalText({ configHash, agents }: ApplyResult): string {
  const all = agents.filter(({ state }) => state === 'refused').map(({ kind, name, problem }) => `${kind} ${name}: ${problem?.message}`)
  return `${configHash.slice(0, 12)} is in the stores, but not on every agent that answers, so schedules were left as they are: ${all.join('; ')}`
}
