/** Answering runs: correct a pause, cancel, watch. */
import type { Command } from 'commander'
import type { RestoreResult } from '../../workflows/messages.ts'
import { MusterError } from '../../domain/failures.ts'
import { waysOn } from '../../domain/ways-on.ts'
import { lookAtRun } from '../runs.ts'
import type { Desk } from './desk.ts'
import { watchSite } from './failover-site.ts'
import { createRates, describeProgress, follow } from './follow.ts'
import { refuseHeld } from './start.ts'
import { showRestored } from './restore-view.ts'

export function addResume(program: Command, desk: () => Desk): void {
  program
    .command('resume')
    .description('correct a paused run')
    .argument('<run>', 'workflow id')
    .option('--open-with <store...>', 'go on without these required stores')
    .option('--accept-loss', 'go on without what could not be saved of the old side')
    .option('--give-up', 'roll back (only before the point of no return)')
    .requiredOption('--reason <text>')
    .action(async (run: string, options: { openWith?: string[]; acceptLoss?: boolean; giveUp?: boolean; reason: string }) => {
      const { out, temporal, user } = desk()
      await refuseHeld(desk())
      const action = options.giveUp ? 'giveUp' : options.acceptLoss ? 'acceptLoss' : options.openWith ? 'openWith' : 'retry'
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
      const handle = (await temporal()).workflow.getHandle(run)
      const { status } = await handle.describe()
      if (status.name !== 'RUNNING') {
        throw new MusterError('PreconditionFailed', `${run} does not run: it ended as ${status.name.toLowerCase().replace('_', ' ')}`, {
          hint: 'there is nothing to cancel: muster status shows what runs',
        })
      }
      await handle.cancel()
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
        return out.result(progress, () => {
          out.line(`${describeProgress(progress, createRates())}${progress.status === 'RUNNING' ? '' : `   (${progress.status.toLowerCase()})`}`)
          if (!progress.paused) return
          out.line(`  waits for a person: ${progress.paused.problem}`)
          for (const text of waysOn(run, progress.paused)) out.line(`    ${text}`)
        })
      }
      if ((await handle.describe()).type === 'failoverSite') return watchSite(desk(), await temporal(), run)
      const { result, seconds } = await follow<RestoreResult>(desk(), handle)
      out.result(result, () => (Array.isArray(result?.steps) ? showRestored(out, result, seconds) : out.line('done')))
    })
}
