/** Answering runs: approve, correct a pause, cancel, watch. */
import type { Client } from '@temporalio/client'
import type { Command } from 'commander'
import { MusterError } from '../../domain/failures.ts'
import type { RestoreResult } from '../../workflows/messages.ts'
import { lookAtRun } from '../runs.ts'
import type { Desk } from './desk.ts'
import { createRates, describeProgress, follow } from './follow.ts'
import { showRestored } from './restore-view.ts'

export function addApprove(program: Command, desk: () => Desk): void {
  program
    .command('approve')
    .description('approve (or reject) the plan that a run waits with')
    .argument('<plan>', 'the hash of the plan, or its beginning')
    .option('--reject', 'reject it')
    .option('--as <person>', 'your name; claimed, not proven')
    .option('--note <text>')
    .action(async (plan: string, options: { reject?: boolean; as?: string; note?: string }) => {
      const { out, temporal, user } = desk()
      const client = await temporal()
      const { workflowId, hash } = await waitingWith(client, plan)
      const answer = { plan: hash, person: options.as ?? user, decision: options.reject ? 'reject' : 'approve', ...(options.note && { note: options.note }) }
      const result = await client.workflow.getHandle(workflowId).executeUpdate('approve', { args: [answer] })
      out.result({ workflowId, plan: hash, result }, () =>
        out.line(`${options.reject ? 'rejected' : 'approved'} ${hash.slice(0, 12)} of ${workflowId}\n  watch it: muster watch ${workflowId}`),
      )
    })
}

/** Finds the run whose plan begins with the given digits. */
async function waitingWith(client: Client, prefix: string): Promise<{ workflowId: string; hash: string }> {
  if (!/^[0-9a-f]{4,64}$/.test(prefix)) throw new MusterError('InvalidInput', `"${prefix}" is not the beginning of a plan's hash`)
  const found: { workflowId: string; hash: string }[] = []
  for await (const run of client.workflow.list({ query: "ExecutionStatus = 'Running' and MusterPhase = 'waiting for approval'" })) {
    const { memo } = await client.workflow.getHandle(run.workflowId, run.runId).describe()
    const hash = memo?.['plan']
    if (typeof hash === 'string' && hash.startsWith(prefix)) found.push({ workflowId: run.workflowId, hash })
  }
  const [first, second] = found
  if (!first) throw new MusterError('ApprovalRejected', `no run waits for approval of plan ${prefix}`)
  if (second) throw new MusterError('ApprovalRejected', `${prefix} is the beginning of more than one waiting plan: give more digits`)
  return first
}

export function addResume(program: Command, desk: () => Desk): void {
  program
    .command('resume')
    .description('correct a paused run')
    .argument('<run>', 'workflow id')
    .option('--open-with <store...>', 'go on without these required stores')
    .option('--give-up', 'roll back (only before the point of no return)')
    .requiredOption('--reason <text>')
    .action(async (run: string, options: { openWith?: string[]; giveUp?: boolean; reason: string }) => {
      const { out, temporal, user } = desk()
      const action = options.giveUp ? 'giveUp' : options.openWith ? 'openWith' : 'retry'
      const input = { action, person: user, reason: options.reason, ...(options.openWith && { stores: options.openWith }) }
      const result = await (await temporal()).workflow.getHandle(run).executeUpdate('correct', { args: [input] })
      out.result(result, () => out.line(`${run} goes on\n  watch it: muster watch ${run}`))
    })
}

export function addCancel(program: Command, desk: () => Desk): void {
  program
    .command('cancel')
    .description('cancel a run; it cleans up, and before the point of no return rolls back')
    .argument('<run>', 'workflow id')
    .action(async (run: string) => {
      const { out, temporal } = desk()
      await (await temporal()).workflow.getHandle(run).cancel()
      out.result({ workflowId: run, cancelled: true }, () =>
        out.line(`asked ${run} to stop; it ends its step, then cleans up\n  watch it: muster watch ${run}`),
      )
    })
}

export function addWatch(program: Command, desk: () => Desk): void {
  program
    .command('watch')
    .description('follow a run to its end')
    .argument('<run>', 'workflow id')
    .option('--once', 'one look')
    .action(async (run: string, options: { once?: boolean }) => {
      const { out, temporal } = desk()
      const handle = (await temporal()).workflow.getHandle(run)
      if (options.once) {
        const progress = await lookAtRun(handle)
        return out.result(progress, () => out.line(describeProgress(progress, createRates())))
      }
      const { result, seconds } = await follow<RestoreResult>(handle, out)
      out.result(result, () => (Array.isArray(result?.steps) ? showRestored(out, result, seconds) : out.line('done')))
    })
}
