import { access } from 'node:fs/promises'
import type { FilesComponentConfig } from '../../../domain/config.ts'
import { madeAfterStop } from '../../../domain/move.ts'
import type { FilesManifest } from '../../../domain/repository-format.ts'
import { leftOutBy, type TreeRules } from '../../../domain/tree-rules.ts'
import { readManifest } from '../../../repository/catalog.ts'
import { type Agent, componentOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { carryMember } from './carry-member.ts'
import { nothingNote, treeMembers } from './places.ts'
import { withRuledTree } from './ruled-tree.ts'
import type { TreeStep } from './types.ts'

/**
 * Runs the `restore.after` commands of a tree in its restored copy, before that is swapped in. They see what a rule leaves
 * out as it is at the target, and change nothing of it: it is put there once more when they have ended.
 *
 * Effect: whatever the commands do, in `aside/data`.
 * Idempotent: as far as the commands are; they may run again after a crash.
 * Heartbeat: each path of a tree with rules.
 * Fails with: CommandFailed, Timeout, and what `applyTreeRules` fails with where there are rules.
 */
export function runAfter(agent: Agent) {
  return async (step: TreeStep, work: Work): Promise<{ readonly commands: number }> => {
    const { config } = await agent.config(step.configHash)
    const { after } = (componentOf(config, step.system, step.component) as FilesComponentConfig).restore
    if (after.length === 0) return { commands: 0 }
    for (const member of treeMembers(agent, step)) {
      // A copy that is not put in place needs no setting up.
      if (await isThere(nothingNote(agent, member))) continue
      await agent.files.runAfterCommands(after, agent.members.asideData(member), { signal: work.signal, label: work.label })
    }
    const { rules, backup } = step.decision
    // A run that was begun by an earlier version does not say which backup it has made.
    if (rules && backup !== madeAfterStop) await carryAgain(agent, step, rules, work)
    return { commands: after.length }
  }
}

async function carryAgain(agent: Agent, step: TreeStep, rules: TreeRules, work: Work): Promise<void> {
  const { config } = await agent.config(step.configHash)
  const store = await agent.store(config, step.decision.fromStore)
  const deps = { verifier: await agent.verifier(config), cache: agent.cache }
  const manifest = (await readManifest(deps, store, step.system, step.component, step.decision.backup)) as FilesManifest
  const leftOut = leftOutBy(rules)
  await withRuledTree(agent, step, manifest, work, 'after', async (tree) => {
    for (const of of tree.members) await carryMember(agent, tree, of, leftOut, work)
  })
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
