/**
 * The audit chain of a site: which runs ended, with what evidence and history, each record proving the one before it.
 * docs/repository-format.md has each member.
 */
import type { ObjectReference, Writer } from './repository-format.ts'

export interface AuditRecord {
  readonly format: 'muster-audit-1'
  readonly organisation: string
  readonly site: string
  readonly sequence: number
  /** SHA-256 of the text of record sequence − 1; 64 zeros for the first. */
  readonly previous: string
  readonly at: string
  readonly by: string
  /** Runs of this site that ended before are in this record or an earlier one. */
  readonly closedUntil: string
  readonly runs: readonly AuditedRun[]
  readonly routine: readonly RoutineRuns[]
  /** Of the chains of other sites. */
  readonly heads: readonly AuditHead[]
  readonly remarks: readonly string[]
  readonly keepUntil: string
}

export interface AuditedRun {
  readonly workflowId: string
  readonly runId: string
  readonly procedure: string
  /** Null of a run that concerns none, or whose name is none. */
  readonly system: string | null
  readonly startedAt: string
  readonly closedAt: string
  /** Temporal's: `completed`, `failed`, `cancelled`, `terminated`, `timed-out`. */
  readonly status: string
  /** The run's own; null where it did not come to one. */
  readonly outcome: string | null
  readonly evidence: { readonly key: string; readonly sha256: string; readonly sheetSha256: string | null } | null
  /** Null where Temporal had removed it before it was archived. */
  readonly history: ArchivedHistory | null
  /** Code of the last bundle that decided something. */
  readonly kit: string | null
  readonly sdk: string | null
}

export interface ArchivedHistory extends ObjectReference {
  readonly events: number
}

/** Runs that found everything in order: counted, not kept. */
export interface RoutineRuns {
  readonly procedure: string
  readonly system: string | null
  readonly runs: number
  readonly firstClosedAt: string
  readonly lastClosedAt: string
}

export interface AuditHead {
  readonly site: string
  readonly sequence: number
  readonly sha256: string
}

/** What replays the runs of one code. */
export interface ReplayKit {
  readonly format: 'muster-kit-1'
  /** SHA-256 of the workflow bundle without its source map. */
  readonly code: string
  readonly muster: string
  readonly node: string
  /** Of Temporal. */
  readonly sdk: string
  readonly files: readonly KitFile[]
  readonly writer: Writer
}

export interface KitFile extends ObjectReference {
  readonly name: 'workflow-bundle.js' | 'package.json' | 'package-lock.json'
}

export const noPreviousRecord = '0'.repeat(64)

const keepYears = 7

/** @param at ISO-8601 UTC */
export function keepUntil(at: string): string {
  const until = new Date(at)
  until.setUTCFullYear(until.getUTCFullYear() + keepYears)
  return until.toISOString()
}

/** Runs that found everything in order, by procedure and system. */
export function countRoutine(runs: readonly Pick<AuditedRun, 'procedure' | 'system' | 'closedAt'>[]): readonly RoutineRuns[] {
  const counted = new Map<string, RoutineRuns>()
  for (const { procedure, system, closedAt } of runs) {
    const key = `${procedure} ${system}`
    const before = counted.get(key)
    counted.set(key, {
      procedure,
      system,
      runs: (before?.runs ?? 0) + 1,
      firstClosedAt: before && before.firstClosedAt < closedAt ? before.firstClosedAt : closedAt,
      lastClosedAt: before && before.lastClosedAt > closedAt ? before.lastClosedAt : closedAt,
    })
  }
  return [...counted.values()]
}
