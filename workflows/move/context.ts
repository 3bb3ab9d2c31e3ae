/** What the phases of one move share, besides what they share with a restore. */
import type { MoveScope } from '../../activities/site/scope-move.ts'
import type { DatabaseObservation, ServiceObservation } from '../../domain/target.ts'
import type { MoveDecision } from '../../domain/move.ts'
import { fail } from '../procedure.ts'
import type { RestoreContext } from '../restore/context.ts'
import type { Turn } from './turn.ts'

export interface MoveContext extends RestoreContext {
  readonly scope: MoveScope
  /** Hosts of the old side whose agents did not answer when the plan was made. */
  readonly absent: readonly string[]
  readonly attests: AttestDesk
  /** The place that it needs while it works, where a whole site fails over. */
  readonly turn: Turn
}

/** Where people write that the old side is stopped. */
export interface AttestDesk {
  /** @returns what each wrote, once enough of them have @throws ApplicationFailure Timeout */
  await(plan: { readonly hash: string; readonly people: number }, withinSeconds: number): Promise<readonly Attested[]>
}

export interface Attested {
  readonly person: string
  readonly statement: string
  /** Fingerprint of the key that signed; absent where claims count. */
  readonly key?: string
}

/** One host of the old side, as its agent saw it. */
export interface SourceSeen {
  readonly databases: readonly (DatabaseObservation & { readonly host: string })[]
  readonly services: readonly ServiceObservation[]
}

export function moveOf({ plan }: RestoreContext): MoveDecision {
  const { move } = plan.decision
  if (!move) throw fail('InvalidInput', 'this plan moves nothing')
  return move
}
