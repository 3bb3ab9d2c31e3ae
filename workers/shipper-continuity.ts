/**
 * Where receiving must begin so that no byte is missing between what the required stores have and
 * what will come. Decided anew before each start of the receiver, from what can be observed.
 */
import { parseSegmentName, segmentStart } from '../domain/wal.ts'
import type { Lsn } from '../domain/wal.ts'

export interface SpoolRun {
  /** First byte of the oldest segment of the newest unbroken run in the spool. */
  readonly startLsn: Lsn
  /** First byte of the segment that the receiver would ask for. */
  readonly nextLsn: Lsn
}

export interface StartFacts {
  readonly segmentSizeBytes: number
  /** End of what enough stores have; null while not known or nothing yet. */
  readonly requiredLsn: Lsn | null
  /** Where the anchor slot stood before any slot was made; null where it was missing or lost. */
  readonly anchorLsn: Lsn | null
  /** Where this incarnation left its parent. */
  readonly forkLsn: Lsn | null
  /** Where the stream slot stands now. */
  readonly streamLsn: Lsn
  readonly spool: SpoolRun | null
}

export type StartDecision =
  | { readonly kind: 'continue'; readonly lsn: Lsn }
  /** A new, empty spool whose first segment is this one; the server refuses when it has it no more. */
  | { readonly kind: 'begin'; readonly lsn: Lsn }

export function decideStart(facts: StartFacts): StartDecision {
  const needed = firstNeeded(facts)
  const { spool } = facts
  if (spool !== null && (needed === null || (spool.startLsn <= needed && needed <= spool.nextLsn))) return { kind: 'continue', lsn: spool.nextLsn }
  return { kind: 'begin', lsn: needed ?? segmentStart(facts.streamLsn, facts.segmentSizeBytes) }
}

/** First byte of the oldest segment that must be in the spool or come from the server; null where nothing is owed. */
function firstNeeded({ requiredLsn, anchorLsn, forkLsn, segmentSizeBytes }: StartFacts): Lsn | null {
  if (requiredLsn !== null) return segmentStart(requiredLsn, segmentSizeBytes)
  const fork = forkLsn === null ? null : segmentStart(forkLsn, segmentSizeBytes)
  const anchor = anchorLsn === null ? null : segmentStart(anchorLsn, segmentSizeBytes)
  if (anchor === null || fork === null) return anchor ?? fork
  return anchor > fork ? anchor : fork
}

/** The newest run of segments without a hole; null for an empty spool. */
export function newestRun(finished: readonly string[], partial: string | null, segmentSizeBytes: number): SpoolRun | null {
  const starts = [...finished, ...(partial === null ? [] : [partial])].map((name) => parseSegmentName(name, segmentSizeBytes).startLsn)
  const newest = starts.at(-1)
  if (newest === undefined) return null
  let first = starts.length - 1
  while (first > 0 && (starts[first] as Lsn) - (starts[first - 1] as Lsn) === BigInt(segmentSizeBytes)) first -= 1
  return { startLsn: starts[first] as Lsn, nextLsn: partial === null ? newest + BigInt(segmentSizeBytes) : newest }
}
