/** Trees of a planned move: backed up once nobody changes them any more, and restored from exactly that backup. */
import { executeChild, ParentClosePolicy, workflowInfo } from '@temporalio/workflow'
import type { FilesDecision } from '../../domain/decision.ts'
import { madeAfterStop } from '../../domain/move.ts'
import { backupSystem } from '../backup-system.ts'
import type { BackupSystemResult } from '../messages.ts'
import { fail } from '../procedure.ts'
import { restoreTree } from '../restore/aside.ts'
import { timed, trees } from '../restore/context.ts'
import { together } from '../together.ts'
import { type MoveContext, moveOf } from './context.ts'

export function treesAtRest(context: MoveContext): readonly FilesDecision[] {
  return trees(context).filter(({ backup }) => backup === madeAfterStop)
}

/** @throws ApplicationFailure with the backup's own reason; nothing is lost by giving up here */
export async function moveFinalTrees(context: MoveContext): Promise<void> {
  const later = treesAtRest(context)
  if (later.length === 0) return
  await timed(context, 'final trees', async () => {
    const { components } = await backUp(
      context,
      later.map(({ component }) => component),
    )
    await together(later.map((decision) => () => restoreTree(context, { ...decision, ...copyOf(decision, components) })))
  })
}

/** By the site that is left: its agents read the trees. */
async function backUp(context: MoveContext, components: readonly string[]): Promise<BackupSystemResult> {
  const { system } = context.input
  return executeChild(backupSystem, {
    workflowId: `backup/${system}/before-${workflowInfo().runId}`,
    args: [{ system, components: [...components], configHash: context.plan.decision.configHash, requestedBy: context.run.slice(0, 128) }],
    parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
    memo: { site: moveOf(context).from },
    staticSummary: `trees of ${system} at rest, before the ${context.title}`,
  }) as Promise<BackupSystemResult>
}

/** From the store of the plan where that has it, else from another that the other site reaches. */
function copyOf({ component, fromStore }: FilesDecision, backups: BackupSystemResult['components']): { readonly backup: string; readonly fromStore: string } {
  const made = backups.find((one) => one.component === component)
  if (!made?.backup || !made.copies.some(({ store }) => store === fromStore)) {
    throw fail('CopiesMissing', `the last backup of ${component} is not in store ${fromStore}: ${made?.problem?.message ?? 'that store is owed its copy'}`)
  }
  return { backup: made.backup, fromStore }
}
