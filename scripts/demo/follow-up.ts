/** The full backup that follows a restore as a run of its own. */
import type { BackupSystemResult } from '../../workflows/backup-system.ts'
import { isEverywhere } from './protect.ts'
import type { Checks } from './report.ts'
import type { DoneRestore } from './restore.ts'
import type { Stage } from './set-up.ts'

export async function followUpBackup({ muster }: Stage, done: DoneRestore, checks: Checks): Promise<BackupSystemResult | null> {
  const id = done.result.backup
  const name = `a full backup follows ${done.result.plan.decision.procedure}`
  if (id === null) {
    checks.that(name, false, 'none was started')
    return null
  }
  const result = (await muster.client.workflow.getHandle(id).result()) as BackupSystemResult
  checks.that(
    name,
    isEverywhere(result),
    result.components.map((one) => `${one.component}: ${one.outcome}, ${one.copies.map(({ store }) => store).join(', ')}`).join('; '),
  )
  return result
}
