import type { Command } from 'commander'
import { siteOfSystem } from '../../domain/copies.ts'
import { toMicros } from '../../domain/times.ts'
import type { DrillResult } from '../../workflows/messages.ts'
import { startRun } from '../runs.ts'
import type { Desk } from './desk.ts'
import { evidenceLine } from './evidence-line.ts'
import { follow } from './follow.ts'

interface DrillOptions {
  readonly kind: 'restore' | 'pitr' | 'component'
  readonly component?: string[]
  readonly host?: string
  readonly from?: string
  readonly random?: boolean
  readonly to?: string
  readonly drill?: string
  readonly wait: boolean
}

export function addDrill(program: Command, desk: () => Desk): void {
  program
    .command('drill')
    .description('rehearse a recovery in quarantine, measure it, clean up, and keep the evidence')
    .argument('<system>')
    .option('--kind <kind>', 'restore (the newest moment), pitr (a moment in the window), or component', 'restore')
    .option('--component <name...>', 'only these components')
    .option('--host <host>', 'rehearse on this host; it must be one of encryption.restoreHosts')
    .option('--from <store>', 'read from this store')
    .option('--random', 'a recovery point by chance, however old')
    .option('--to <time>', 'with --kind pitr: this moment, such as "2026-11-20 02:14" (UTC unless an offset is given)')
    .option('--drill <name>', 'also run the smoke command of this configured drill')
    .option('--no-wait', 'start it and return')
    .action(async (system: string, options: DrillOptions) => rehearse(desk(), system, options))
}

async function rehearse(desk: Desk, system: string, { kind, component, host, from, random, to, drill, wait }: DrillOptions): Promise<void> {
  const { out } = desk
  const site = siteOfSystem((await desk.applied(null)).config, system)
  const chosen = {
    ...(component && { components: component }),
    ...(host && { host }),
    ...(from && { from }),
    ...(random && { random }),
    ...(to !== undefined && { to: { time: toMicros(to) } }),
    ...(drill && { drill }),
  }
  const input = { system, kind, requestedBy: desk.user, ...chosen }
  const handle = await startRun(await desk.temporal(), { type: 'drill', system, site, input, id: 'additive' })
  const { workflowId } = handle
  if (!wait) return out.result({ workflowId }, () => out.line(`started ${workflowId}\n  watch it: muster watch ${workflowId}`))
  const { result, seconds } = await follow<DrillResult>(handle, out)
  out.result({ workflowId, seconds, ...result }, () => showDrill(out, result))
}

export function showDrill(out: Desk['out'], { outcome, evidence, record }: DrillResult): void {
  for (const { component, backup, fromStore, at } of evidence.recovered) {
    out.line(`  ${component.padEnd(12)} ${backup} from ${fromStore}, to ${at ?? 'the end of the backup'}`)
  }
  for (const { name, ok, detail, atBackup } of evidence.checks) {
    out.line(`  ${ok ? '✓' : '✗'} ${name}: ${detail}${atBackup === null ? '' : ` (when backed up: ${atBackup})`}`)
  }
  for (const { name, seconds } of evidence.steps) out.line(`  ${name.padEnd(24)} ${seconds.toFixed(1)} s`)
  out.line(
    `drill ${outcome}: ${against('back in', evidence.measured.rtoSeconds, evidence.objectives.rtoSeconds)}, ${against('lost', evidence.measured.rpoSeconds, evidence.objectives.rpoSeconds)}`,
  )
  for (const deviation of evidence.deviations) out.line(`  deviation: ${deviation}`)
  const line = evidenceLine(record)
  if (line) out.line(line)
}

function against(what: string, seconds: number | null, objective: number | undefined): string {
  if (seconds === null) return `${what}: not measured`
  return `${what} ${seconds.toFixed(1)} s${objective === undefined ? ' (no objective set)' : ` (objective ${objective} s)`}`
}
