/**
 * Which incarnation a running server is, from what the control records say and what the
 * server says of itself. A clone has the same system identifier, so identity is system
 * identifier and timeline together with the recorded order of incarnations.
 */
import type { ControlState } from './control-state.ts'
import { currentIncarnation } from './control-state.ts'
import { MusterError } from './failures.ts'
import type { Incarnation } from './repository-format.ts'
import { formatLsn, type TimelineFork } from './wal.ts'

export interface ObservedLife {
  readonly component: string
  readonly host: string
  readonly systemIdentifier: string
  readonly timelineId: number
  /** The server's timeline history, oldest first; null when it was not read. */
  readonly history: readonly TimelineFork[] | null
}

/**
 * @returns the known incarnation, or the one to register (its `registeredAt` is for the caller to fill)
 * @throws MusterError WrongTarget when the server is not the one that is protected
 */
export function identify(
  state: ControlState,
  life: ObservedLife,
  newId: string,
): { readonly known: Incarnation } | { readonly register: Omit<Incarnation, 'registeredAt'> } {
  const current = currentIncarnation(state, life.component)
  const fresh = {
    component: life.component,
    incarnation: newId,
    systemIdentifier: life.systemIdentifier,
    timelineId: life.timelineId,
    host: life.host,
  }
  if (!current) return { register: { ...fresh, parent: null, forkLsn: null, forkAt: null } }
  if (current.systemIdentifier !== life.systemIdentifier) {
    throw new MusterError(
      'WrongTarget',
      `the server of "${life.component}" has the system identifier ${life.systemIdentifier}; protected is ${current.systemIdentifier}`,
      { hint: 'correct the connection, or give the new database a component of its own' },
    )
  }
  if (current.timelineId === life.timelineId) return { known: current }
  if (life.timelineId < current.timelineId) {
    throw new MusterError(
      'WrongTarget',
      `the server of "${life.component}" is on timeline ${life.timelineId}, but incarnation ${current.incarnation} on timeline ${current.timelineId} is in service`,
      { hint: 'an older copy has been started; stop it, or bring it back on purpose: muster restore SYSTEM --back RUN' },
    )
  }
  const fork = life.history?.at(-1)
  const parent = fork && state.incarnations.filter((one) => one.component === life.component && one.timelineId === fork.parentTimelineId).at(-1)
  if (!fork || !parent) {
    throw new MusterError(
      'WrongTarget',
      `the server of "${life.component}" is on timeline ${life.timelineId}, and its history does not lead to a known incarnation`,
      { hint: 'run a full backup once the timeline history file is readable, or give the database a component of its own' },
    )
  }
  return { register: { ...fresh, parent: parent.incarnation, forkLsn: formatLsn(fork.forkLsn), forkAt: null } }
}
