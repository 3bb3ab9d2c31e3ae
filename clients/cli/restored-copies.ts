import type { Config } from '../../domain/config.ts'
import type { CheckResult } from '../../domain/repository-format.ts'

/** Copies that were restored elsewhere, on the host where this command line runs. */
export interface RestoredCopies {
  /** @throws MusterError PreconditionFailed when copies of that host are not on this machine */
  assertHere(config: Config, host: string): Promise<void>
  /**
   * Asks a copy, read-only and as the configured role; it holds when the first value of the first row is true, or a number
   * of at least 1. SQL that fails, as when a table is not there, is an answer.
   * @throws MusterError PreconditionFailed where no copy runs there; when it cannot be reached
   */
  ask(copy: { readonly config: Config; readonly system: string; readonly component: string; readonly directory: string }, sql: string): Promise<CheckResult>
  /** Stops the server of a copy, and removes its directory and the others that belong to it. @throws MusterError TargetRunning */
  remove(directory: string, others: readonly string[]): Promise<void>
}
