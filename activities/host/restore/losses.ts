/**
 * What will not be in the restored data: in words, and in seconds from the newest moment that comes back to now.
 * Seconds are an upper bound: nothing may have been written in them.
 */
import type { FilesManifest } from '../../../domain/repository-format.ts'
import { secondsBetween } from '../../../domain/times.ts'
import type { RecoveryChoice } from '../../../repository/recovery-choice.ts'
import type { DatabasePlanning } from './plan-database.ts'
import type { ComponentLoss } from './plan-restore.ts'
import type { TreePlanning } from './plan-tree.ts'

/** The tail changes nothing about it. */
export function sameLoss(text: string, seconds: number | null): ComponentLoss {
  const known = seconds === null ? null : Math.max(0, Math.round(seconds * 1000) / 1000)
  return { now: text, afterTail: text, nowSeconds: known, afterTailSeconds: known }
}

export function databaseLoss(planning: DatabasePlanning, choice: RecoveryChoice): ComponentLoss {
  const { agent, input, observation, name } = planning
  const reached = reachedAt(planning, choice)
  const seconds = reached === null ? null : secondsBetween(reached, agent.now().toISOString())
  if (input.target.kind !== 'latest')
    return sameLoss(`${name}: commits after the target are not in the restored data; they are kept with the old data and its WAL`, seconds)
  const loss = sameLoss(`${name}: commits after ${choice.newestAt}`, seconds)
  const found = observation.tailSources.some((one) => one.found)
  return found ? { ...loss, afterTail: `${name}: none, the tail is replayed too`, afterTailSeconds: 0 } : loss
}

/** The moment a database comes back to; null for an LSN or a point whose time nothing says. */
function reachedAt({ input: { target }, name, state }: DatabasePlanning, choice: RecoveryChoice): string | null {
  switch (target.kind) {
    case 'latest':
      return choice.newestAt
    case 'time':
      return target.time
    case 'backup':
      return choice.manifest.endedAt
    case 'name':
      return state.restorePoints.find((one) => one.component === name && one.name === target.name)?.at ?? null
    case 'lsn':
      return null
  }
}

/** Newer files are kept only where there still are some. */
export function treeLoss({ agent, name, observation }: TreePlanning, manifest: FilesManifest, newerFiles: 'keep' | 'discard'): ComponentLoss {
  const gone = observation.members.every(({ content }) => content === 'absent' || content === 'empty')
  if (newerFiles === 'keep' && !gone) return sameLoss('', 0)
  return sameLoss(`${name}: files newer than ${manifest.startedAt}`, secondsBetween(manifest.startedAt, agent.now().toISOString()))
}
