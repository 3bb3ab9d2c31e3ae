/** What the history of a run says of how it was carried out: by whom, with which code, which steps, when. */

export interface RunRan {
  /** Workers that took part, as they name themselves. */
  readonly workers: readonly string[]
  /** SHA-256 of the workflow bundle without its source map, each that decided something, in order. */
  readonly code: readonly string[]
  /** Version of Temporal's SDK that the first of them was made with; null where it is not said. */
  readonly sdk: string | null
  readonly activities: readonly RanActivity[]
  /** By host: versions of the programs that were used there. */
  readonly tools: Readonly<Record<string, Readonly<Record<string, string>>>>
}

export interface RanActivity {
  readonly name: string
  /** As the Temporal UI shows it; empty where it has none. */
  readonly what: string
  readonly queue: string
  /** Of the last attempt; null where none began. */
  readonly worker: string | null
  readonly attempts: number
  readonly scheduledAt: string
  /** Of the last attempt. */
  readonly startedAt: string | null
  readonly endedAt: string | null
  readonly ended: 'completed' | 'failed' | 'timed-out' | 'cancelled' | null
}

/** Whether a history, given again to some code, leads to the same decisions. */
export type ReplayAnswer = { readonly replays: true } | { readonly replays: false; readonly problem: string }
