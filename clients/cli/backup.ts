import type { Command } from 'commander'
import { siteOfSystem } from '../../domain/copies.ts'
import { formatSize } from '../../domain/durations.ts'
import type { ArchiveWalResult, BackupSystemResult } from '../../workflows/messages.ts'
import type { Desk } from './desk.ts'
import { startFor } from './start.ts'
import { evidenceLine } from './evidence-line.ts'
import { follow } from './follow.ts'

export function addBackup(program: Command, desk: () => Desk): void {
  program
    .command('backup')
    .description('back up a system now')
    .argument('<system>')
    .option('--component <name...>', 'only these components')
    .option('--no-wait', 'start it and return')
    .action(async (system: string, options: { component?: string[]; wait: boolean }) => {
      const { out, user, applied } = desk()
      const site = siteOfSystem((await applied(null)).config, system)
      const input = { system, kind: 'full', requestedBy: user, ...(options.component && { components: options.component }) }
      const handle = await startFor(desk(), { type: 'backupSystem', system, site, input, id: 'additive' })
      if (!options.wait)
        return out.result({ workflowId: handle.workflowId }, () => out.line(`started ${handle.workflowId}\n  watch it: muster watch ${handle.workflowId}`))
      const { result, seconds } = await follow<BackupSystemResult>(desk(), handle)
      out.result({ workflowId: handle.workflowId, seconds, ...result }, () => {
        for (const one of result.components) {
          out.line(`  ${one.component.padEnd(12)} full backup ${formatSize(one.sizeBytes)} → ${one.copies.map(({ store }) => store).join(', ')}`)
          for (const { store, problem } of one.debts) out.line(`  ${''.padEnd(12)} owed to ${store}: ${problem.message}`)
        }
        const evidence = evidenceLine(result.record)
        if (evidence) out.line(evidence)
        out.line(`${result.outcome} in ${seconds.toFixed(1)} s`)
      })
    })
}

export function addArchiveWal(program: Command, desk: () => Desk): void {
  program
    .command('archive-wal')
    .description('store all WAL up to now, and look for gaps')
    .argument('<system>')
    .option('--component <name...>', 'only these databases')
    .option('--point <name>', 'also make a named point to recover to: muster restore SYSTEM --to-name NAME')
    .action(async (system: string, options: { component?: string[]; point?: string }) => {
      const { out, user, applied } = desk()
      const site = siteOfSystem((await applied(null)).config, system)
      const input = { system, requestedBy: user, ...(options.component && { components: options.component }), ...(options.point && { point: options.point }) }
      const handle = await startFor(desk(), { type: 'archiveWal', system, site, input, id: 'additive' })
      const { result, seconds } = await follow<ArchiveWalResult>(desk(), handle)
      out.result({ workflowId: handle.workflowId, seconds, ...result }, () => {
        for (const one of result.databases) {
          out.line(`  ${one.component}: in the required stores to ${one.requiredLsn}, last commit ${one.lastCommitAt ?? 'unknown'}`)
          for (const gap of one.gaps) out.line(`    GAP ${gap}`)
        }
        if (result.record) out.line(evidenceLine(result.record) ?? '')
        out.line(`${result.outcome} in ${seconds.toFixed(1)} s`)
      })
    })
}
