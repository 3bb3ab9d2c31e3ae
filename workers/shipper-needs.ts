/** What a store needs next from a spool, in the order in which it makes most of it replayable. */
import { parseSegmentName, segmentStart } from '../domain/wal.ts'
import type { Lsn } from '../domain/wal.ts'
import type { WalCoverage } from './shipper-coverage.ts'
import type { ShippingSource } from './shipper-spools.ts'

export interface Need {
  readonly segment: string
  readonly kind: 'segment' | 'partial' | 'history'
  readonly startLsn: Lsn
  /** 0 for a history file, whose size is looked up when it is staged. */
  readonly endLsn: Lsn
}

/**
 * Whole segments in order, then the new bytes of the partial one; the history file once the store has
 * the new timeline beyond its fork, since a reader that finds the history first would run past the fork.
 * Null when the store has everything.
 */
export function nextNeed(source: ShippingSource, coverage: WalCoverage): Need | null {
  return historyNeed(source, coverage) ?? segmentNeed(source, coverage) ?? partialNeed(source, coverage)
}

/** Whether nothing of a spool is missing in a store; false while the store was not listed. */
export function hasAll(source: ShippingSource, coverage: WalCoverage | null): boolean {
  return coverage !== null && segmentNeed(source, coverage) === null && partialNeed(source, coverage) === null && historyNeed(source, coverage) === null
}

function historyNeed({ listing, forkLsn, segmentSizeBytes }: ShippingSource, coverage: WalCoverage): Need | null {
  if (listing.history === null || coverage.hasHistory(listing.history)) return null
  const begun = forkLsn === null ? coverage.newestStretch(segmentSizeBytes) !== null : coverage.endFrom(segmentStart(forkLsn, segmentSizeBytes)) > forkLsn
  return begun ? { segment: listing.history, kind: 'history', startLsn: 0n, endLsn: 0n } : null
}

function segmentNeed({ listing, segmentSizeBytes }: ShippingSource, coverage: WalCoverage): Need | null {
  const segment = listing.finished.find((name) => !coverage.hasWhole(name))
  if (segment === undefined) return null
  const { startLsn } = parseSegmentName(segment, segmentSizeBytes)
  return { segment, kind: 'segment', startLsn, endLsn: startLsn + BigInt(segmentSizeBytes) }
}

function partialNeed({ listing, partialEnd, segmentSizeBytes }: ShippingSource, coverage: WalCoverage): Need | null {
  if (listing.partial === null || partialEnd === null) return null
  const { segment } = listing.partial
  const startLsn = coverage.endFrom(parseSegmentName(segment, segmentSizeBytes).startLsn)
  return startLsn < partialEnd && !coverage.hasWhole(segment) ? { segment, kind: 'partial', startLsn, endLsn: partialEnd } : null
}
