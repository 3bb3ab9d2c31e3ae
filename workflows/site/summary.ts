/** The systems of a lost site in lines, for the Temporal UI and for notices. */
import { formatDuration } from '../../domain/durations.ts'
import type { LeftOut } from '../../domain/site-failover.ts'
import type { TurnState } from '../../domain/turns.ts'
import type { MovingSystem } from './move-systems.ts'
import type { SystemMoved, SystemPlanned } from './result.ts'

const states: Readonly<Record<TurnState, string>> = {
  planning: 'is being planned',
  waits: 'waits for its turn',
  works: 'works',
  rests: 'waits for a person',
  ended: 'has ended',
}

export function movingLine({ toMove: { system, priority, to }, state, moved }: MovingSystem): string {
  return `${priority} ${system} → ${to}: ${moved ? outcomeText(moved) : states[state]}`
}

export function movedLine(moved: SystemMoved): string {
  return `${moved.priority} ${moved.system} → ${moved.to}: ${outcomeText(moved)}`
}

function outcomeText({ outcome, problem, rtoSeconds }: SystemMoved): string {
  return `${outcome}${rtoSeconds === null ? '' : ` after ${formatDuration(Math.ceil(rtoSeconds))}`}${problem ? `, ${problem.message}` : ''}`
}

export function plannedLine({ system, priority, to, plan, problem }: SystemPlanned): string {
  return `${priority} ${system} → ${to}: ${problem ? problem.message : `plan ${plan?.slice(0, 12)}`}`
}

export function leftOutLine({ system, priority, why, detail }: LeftOut): string {
  return `${priority} ${system}: left out, ${why}: ${detail}`
}
