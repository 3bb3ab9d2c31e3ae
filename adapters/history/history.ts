/**
 * The `history` port: what the orchestrator remembers of runs. It is evidence and never a condition: nothing that
 * recovers a system asks for it.
 */
import type { RunRan } from '../../domain/run-history.ts'

export interface RunName {
  readonly workflowId: string
  readonly runId: string
}

export interface ClosedRun extends RunName {
  readonly type: string
  /** `completed`, `failed`, `cancelled`, `terminated`, `timed-out`. */
  readonly status: string
  readonly startedAt: string
  readonly closedAt: string
  /** What the run, or who started it, says: a claim. */
  readonly said: {
    readonly site: string | null
    readonly system: string | null
    readonly outcome: string | null
    /** Whether it left evidence, or could not keep it; null where it says nothing of any. */
    readonly evidence: 'kept' | 'lost' | null
  }
}

export interface ReadHistory {
  /** As the SDK writes it in JSON, payloads encoded: what a replay reads. */
  readonly text: string
  readonly events: number
  readonly ran: RunRan
}

export interface Histories {
  /**
   * What a run has done so far; with `beforeActivity`, up to where that activity was asked for: an attempt that is
   * repeated is told the same.
   * @throws MusterError TemporalUnreachable | UnknownName
   */
  soFar(run: RunName, beforeActivity: string | null): Promise<RunRan>
  /**
   * Runs of these types on the queue of workflows that closed at or after a moment (null: ever), in no order. One that
   * has just closed may not be listed yet.
   * @throws MusterError TemporalUnreachable
   */
  closed(types: readonly string[], since: string | null): AsyncIterable<ClosedRun>
  /** The phase of the run that goes on under an id now; null where none does. @throws MusterError TemporalUnreachable */
  phaseOf(workflowId: string): Promise<string | null>
  /** @throws MusterError TemporalUnreachable | UnknownName (removed by retention) */
  read(run: RunName): Promise<ReadHistory>
}
