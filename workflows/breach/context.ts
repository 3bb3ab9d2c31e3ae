/** What the phases of one answer to a breach share. */
import type { BreachPlan } from '../../activities/site/breach/scope-breach.ts'
import type { RespondToBreachInput } from '../messages.ts'
import type { RestoreContext } from '../restore/context.ts'

export interface BreachContext extends Pick<RestoreContext, 'title' | 'site' | 'board' | 'notices' | 'saga' | 'run' | 'steps' | 'checks' | 'tails'> {
  readonly input: RespondToBreachInput
  readonly plan: BreachPlan
  /** What a person looks through before the opening, and what is told in the evidence. */
  readonly review: string[]
  readonly copies: {
    readonly component: string
    readonly backup: string
    readonly store: string
    readonly manifestSha256: string
    readonly sizeBytes: number
  }[]
}
