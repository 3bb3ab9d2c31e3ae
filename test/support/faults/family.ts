/** A family of rows: one procedure of one system, and what has to be true after it wherever its worker was lost. */
import type { Lane } from './lane.ts'
import type { Row, Step } from './rows.ts'
import type { Ended, Runner } from './runner.ts'

/** What was found after a row; it holds when `problems` is empty. */
export interface Seen {
  readonly losses: Ended['losses']
  readonly outcome: string
  /** Where the data that was there before is now. */
  readonly oldData: string
  /** How often each effect that may happen once was seen at the target; absent where nothing is counted. */
  readonly effects?: string
  readonly problems: readonly string[]
}

export interface Family<L extends Runner = Lane> {
  readonly name: string
  /** How a worker is lost: killed, or frozen until the run has ended. */
  readonly signal: 'SIGKILL' | 'SIGSTOP'
  /** Which steps of the reference run this family is about. */
  readonly about: (steps: readonly Step[]) => readonly Step[]
  /** At how many rows one run may be lost. */
  readonly rowsPerRun: number
  /** Without a row it is the reference run, from which the rows are read. */
  readonly play: (lane: L, rows: readonly Row[]) => Promise<Seen>
}

/** Far enough apart in the shortest family, and few enough to see at once which of them does not hold. */
export const someRowsPerRun = 4

export const all = (steps: readonly Step[]): readonly Step[] => steps

/** The steps that come after one, such as the compensations after the step that failed. */
export const after =
  (name: string) =>
  (steps: readonly Step[]): readonly Step[] =>
    steps.slice(steps.findLastIndex(({ step }) => step === name) + 1)

export const named =
  (pattern: RegExp) =>
  (steps: readonly Step[]): readonly Step[] =>
    steps.filter(({ step }) => pattern.test(step))

/** Collects what is not as it should be. */
export function createFindings() {
  const problems: string[] = []
  return {
    problems,
    expect(what: string, found: unknown, right: unknown): void {
      if (JSON.stringify(found) !== JSON.stringify(right)) problems.push(`${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(right)}`)
    },
  }
}
