/** Plans bringing back the safety set of an earlier restore: a procedure of its own, approved like any other. */
import { access } from 'node:fs/promises'
import { currentIncarnation, lineage } from '../../../domain/control-state.ts'
import { MusterError } from '../../../domain/failures.ts'
import type { DatabasePlanning } from './plan-database.ts'
import type { ComponentPlan } from './plan-restore.ts'

export async function planBack(planning: DatabasePlanning, run: string): Promise<ComponentPlan> {
  const { input, name, component, observation, state } = planning
  const set = state.safetySets.find((one) => one.run === run && one.members.some((member) => member.component === name))
  const member = set?.members.find((one) => one.component === name && one.path === observation.directory)
  if (!set || !member) {
    const known = state.safetySets.map((one) => one.run)
    throw new MusterError('BackupNotFound', `run ${run} kept no safety set of ${input.system}/${name}; there are: ${known.join(', ') || 'none'}`)
  }
  if (
    !(await access(member.safetyPath).then(
      () => true,
      () => false,
    ))
  ) {
    throw new MusterError('BackupNotFound', `the safety set of run ${run} is not at ${member.safetyPath} any more`)
  }
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
      walDirectory: null,
      safetyPath: member.safetyPath,
    },
    point: { component: name, at: set.at, skewSeconds: null, why: `safety set of run ${run}` },
    newestReachableAt: null,
    lossNow: loss,
    lossAfterTail: loss,
    space: [],
    tailSources: observation.tailSources,
    warnings: [],
    restoreBytes: 0,
  }
}
