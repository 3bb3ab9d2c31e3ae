/** Plans bringing back the safety set of an earlier restore: a procedure of its own, approved like any other. */
import { access } from 'node:fs/promises'
import { currentIncarnation, lineage } from '../../../domain/control-state.ts'
import { MusterError } from '../../../domain/failures.ts'
import { secondsBetween } from '../../../domain/times.ts'
import type { DatabasePlanning } from './plan-database.ts'
import { sameLoss } from './losses.ts'
import { refuseTooSmall, setAsideBeside, setAsideBytes } from './plan-figures.ts'
import type { ComponentPlan } from './plan-restore.ts'

export async function planBack(planning: DatabasePlanning, run: string): Promise<ComponentPlan> {
  const { agent, input, name, component, observation, state } = planning
  const set = state.safetySets.find((one) => one.run === run && one.members.some((member) => member.component === name))
  const member = set?.members.find((one) => one.component === name && one.path === observation.directory)
  if (!set || !member) {
    const known = state.safetySets.map((one) => one.run)
    throw new MusterError('BackupNotFound', `run ${run} kept no safety set of ${input.system}/${name}; there are: ${known.join(', ') || 'none'}`)
  }
  for (const { component: of, safetyPath } of set.members) {
    if (of === name && !(await isThere(safetyPath))) throw new MusterError('BackupNotFound', `the safety set of run ${run} is not at ${safetyPath} any more`)
  }
  const neededBytes = setAsideBytes(observation.setAside, observation.sizeBytes, member.sizeBytes)
  refuseTooSmall(`${input.system}/${name}`, observation.directory, neededBytes, observation.freeBytes)
  const current = currentIncarnation(state, name)
  // The life that the safety set goes on with: the parent of what replaced it.
  const before = current ? lineage(state.incarnations, current.incarnation)[1] : undefined
  if (!current || !before) throw new MusterError('BackupNotFound', `no incarnation before the one in service is recorded for ${input.system}/${name}`)
  const loss = `${name}: commits since ${current.registeredAt} are set aside with the data in service, not lost`
  return {
    decision: {
      type: 'postgresql',
      component: name,
      host: component.host,
      directory: observation.directory,
      port: null,
      identity: observation.systemIdentifier ? { systemIdentifier: observation.systemIdentifier, incarnation: current.incarnation } : null,
      running: observation.running,
      fromStore: component.stores[0] ?? '',
      backup: `safety:${run}`,
      incarnation: before.incarnation,
      timelineId: before.timelineId,
      setAside: observation.setAside,
      tablespaces: [],
      walDirectory: observation.walDirectory,
      alsoSetAside: setAsideBeside(observation.tablespaces, observation.walDirectory),
      safetyPath: member.safetyPath,
    },
    point: { component: name, at: set.at, skewSeconds: null, why: `safety set of run ${run}` },
    newestReachableAt: null,
    loss: sameLoss(loss, secondsBetween(current.registeredAt, agent.now().toISOString())),
    space: neededBytes > 0 ? [{ path: observation.memberDirectory, neededBytes, freeBytes: observation.freeBytes }] : [],
    tailSources: observation.tailSources,
    warnings: [],
    amount: { dataBytes: 0, walBytes: 0, copiedBytes: neededBytes },
  }
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
