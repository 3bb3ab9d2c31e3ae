/** A moment of a run at which its worker is lost, and how the steps of a run are told apart. */

export interface Fault {
  readonly workflowId: string
  /** As `stepName` says it. */
  readonly step: string
  /** Which of the steps with this name, from 1. */
  readonly nth: number
  /**
   * `running`: `afterMs` after it began, or when it is done if that is sooner; `name`: right after it made the `name`-th
   * name in the filesystem (rename, hard link); `effect`: done, but not reported; `after`: reported, and the next step
   * has begun.
   */
  readonly moment: 'running' | 'name' | 'effect' | 'after'
  readonly afterMs: number
  readonly name: number
  readonly signal: 'SIGKILL' | 'SIGSTOP'
  /** Hold the end of this step until the test says so. */
  readonly holdAt: string | null
}

/** A step as a run has it: Temporal's id of the activity tells those with one name apart. */
export interface KnownStep {
  readonly step: string
  readonly id: string
}

/** What a worker is told before it is lost: also which steps the run has had before it came. */
export interface Arming {
  readonly fault: Fault
  readonly known: readonly KnownStep[]
}

/** What one attempt of a step did, as the worker saw it. */
export interface StepReport {
  readonly step: string
  readonly nth: number
  readonly milliseconds: number
  /** Names it made in the filesystem. */
  readonly names: number
}

interface StepInput {
  readonly component?: string
  readonly service?: string
  readonly store?: string
  readonly where?: string
  readonly notice?: { readonly event: string }
}

/** `swapIn database`, `checkRestored database closed`, `publishCopy uploads nas`: an activity, and what it is about. */
export function stepName(activity: string, input: unknown): string {
  const { component, service, store, where, notice } = (input ?? {}) as StepInput
  return [activity, service ?? component, store, where, notice?.event].filter((part) => typeof part === 'string').join(' ')
}

export function sameStep(one: { readonly step: string; readonly nth: number }, other: { readonly step: string; readonly nth: number }): boolean {
  return one.step === other.step && one.nth === other.nth
}
