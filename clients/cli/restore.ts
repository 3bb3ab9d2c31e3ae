import type { Command } from 'commander'
import { siteOfSystem } from '../../domain/copies.ts'
import { MusterError } from '../../domain/failures.ts'
import { toMicros } from '../../domain/times.ts'
import type { RestoreResult } from '../../workflows/messages.ts'
import type { RunRequest } from '../runs.ts'
import { parseYes, planMatching, tellWhatToApprove } from './approve-here.ts'
import type { Desk } from './desk.ts'
import { startFor } from './start.ts'
import { follow } from './follow.ts'
import { showPlan, showRestored } from './restore-view.ts'
import { filesOption, showTreeFiles } from './tree-files.ts'

interface RestoreOptions {
  readonly to?: string
  readonly toLsn?: string
  readonly toName?: string
  readonly incarnation?: string
  readonly backup?: string
  readonly back?: string
  readonly component?: string[]
  readonly from?: string
  readonly into?: string
  readonly port?: string
  readonly path?: string
  readonly openWith?: string[]
  readonly newerFiles?: 'keep' | 'discard'
  readonly stopFirst?: boolean
  readonly plan?: boolean
  readonly dryRun?: boolean
  readonly files?: boolean
  readonly yes?: string
  readonly identity?: string
  readonly wait: boolean
}

export function addRestore(program: Command, desk: () => Desk): void {
  program
    .command('restore')
    .description('bring a system back: in place, or one component into a directory')
    .argument('<system>')
    .option('--to <time>', 'to a moment, such as "2026-11-20 02:14" (UTC unless an offset is given)')
    .option('--to-lsn <lsn>', 'to an LSN, such as 16/B374D848')
    .option('--to-name <name>', 'to a named point')
    .option('--incarnation <id>', 'on a branch that was left')
    .option('--backup <id>', 'to the end of one backup')
    .option('--back <run>', 'bring back the safety set of an earlier restore')
    .option('--component <name...>', 'only these components')
    .option('--from <store>', 'read from this store')
    .option('--into <directory>', 'restore beside, into a new or empty directory')
    .option('--port <port>', 'with --into: start the restored server on this port of 127.0.0.1')
    .option('--path <path>', 'one path of a tree alone')
    .option('--open-with <store...>', 'open even if these required stores cannot be reached')
    .option('--newer-files <keep|discard>', 'files newer than the tree backup')
    .option('--stop-first', 'stop the system before anything is restored')
    .option('--identity <file>', 'an age identity on the target host, for this run only')
    .option('--plan', 'show the plan and end')
    .option('--dry-run', 'the same as --plan')
    .option(...filesOption)
    .option('--yes <plan@expiry>', 'approve this plan in the same command, as --plan printed it')
    .option('--no-wait', 'start it and return')
    .action(async (system: string, options: RestoreOptions) => restore(desk(), system, options))
}

async function restore(desk: Desk, system: string, options: RestoreOptions): Promise<void> {
  const { out } = desk
  const { config } = await desk.applied(null)
  const site = siteOfSystem(config, system)
  const type = options.to || options.toLsn || options.toName ? 'recoverToPointInTime' : 'restoreSystem'
  const yes = options.yes === undefined ? null : parseYes(options.yes)
  const input = { ...inputOf(system, options, desk.user), ...(yes && { expiresAt: yes.expiresAt }) }
  const planHandle = await startFor(desk, { type, system, site, input: { ...input, planOnly: true }, id: 'plan' })
  const planned = await follow<RestoreResult>(desk, planHandle)
  const { plan } = planned.result
  const final = Boolean(options.plan || options.dryRun)
  showPlan(out, plan, { type, input, site, uiUrl: desk.uiUrl, final })
  const listed = await showTreeFiles(desk, config, plan, options)
  if (final) return out.result({ ...plan, ...listed }, () => undefined)
  const approve = yes && planMatching(yes.plan, plan.decisionHash)
  const host = config.systems[system]?.components[(options.component ?? [])[0] ?? '']?.host ?? 'localhost'
  const id: RunRequest['id'] = options.into ? { aside: { host, directory: options.into } } : 'target'
  const handle = await startFor(desk, {
    type,
    system,
    site,
    // With the expiry of what was shown, the run's own plan is the same text and has the same hash.
    input: { ...input, expiresAt: plan.decision.expiresAt, ...(approve && { approve: plan.decisionHash }) },
    id,
  })
  if (!options.wait)
    return out.result({ workflowId: handle.workflowId, plan: plan.decisionHash }, () =>
      out.line(`started ${handle.workflowId}\n  watch it: muster watch ${handle.workflowId}`),
    )
  const { result, seconds } = await follow<RestoreResult>(desk, handle, (phase) => {
    if (phase === 'waiting for approval') void tellWhatToApprove(desk, handle, plan.decisionHash)
  })
  out.result({ workflowId: handle.workflowId, seconds, ...result }, () => showRestored(out, result, seconds))
}

const targetOptions = ['to', 'toLsn', 'toName', 'backup', 'back'] as const

function inputOf(system: string, options: RestoreOptions, user: string): Record<string, unknown> {
  const given = targetOptions.filter((name) => options[name] !== undefined).map((name) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`)
  if (given.length > 1) throw new MusterError('InvalidInput', `${given.join(' and ')} each name what to go back to`, { hint: 'give one of them' })
  const to = options.to ? { time: toMicros(options.to) } : options.toLsn ? { lsn: options.toLsn } : options.toName ? { name: options.toName } : null
  if (options.port && !options.into) throw new MusterError('InvalidInput', '--port goes with --into')
  return {
    system,
    requestedBy: user,
    ...(to && { to }),
    ...(options.incarnation && { incarnation: options.incarnation }),
    ...(options.backup && { backup: options.backup }),
    ...(options.back && { back: options.back }),
    ...(options.component && { components: options.component }),
    ...(options.from && { from: options.from }),
    ...(options.into && { into: { directory: options.into, ...(options.port && { port: Number(options.port) }) } }),
    ...(options.path && { path: options.path }),
    ...(options.openWith && { openWith: options.openWith }),
    ...(options.newerFiles && { newerFiles: options.newerFiles }),
    ...(options.stopFirst && { stopFirst: true }),
    ...(options.identity && { identityFile: options.identity }),
  }
}
