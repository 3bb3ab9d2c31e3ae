/**
 * What a set of WAL shipments adds up to. Shipments are facts about bytes: a whole segment,
 * or a range of one. Nothing here depends on their order; a repetition adds nothing and a
 * loss can only take away, so a replayable LSN never goes down while shipments arrive.
 */
import { parseSegmentName, segmentName, segmentStart } from './wal.ts'
import type { Lsn } from './wal.ts'

/** The part of a shipment's name that says which bytes it holds; `WalShipmentName` is one. */
export interface WalRange {
  /** 24 hex digits, or `0000000N.history`. */
  readonly segment: string
  readonly startLsn: Lsn
  /** First byte after what the shipment holds. */
  readonly endLsn: Lsn
  readonly kind: 'segment' | 'partial' | 'history'
}

export interface LsnInterval {
  readonly startLsn: Lsn
  readonly endLsn: Lsn
}

/** The bytes that shipments of one incarnation hold, as intervals without touch or overlap, ascending. */
export function coveredIntervals(shipments: Iterable<WalRange>): readonly LsnInterval[] {
  const ranges = [...shipments].filter(holdsBytes).sort(byStart)
  const merged: { startLsn: Lsn; endLsn: Lsn }[] = []
  for (const range of ranges) {
    const last = merged.at(-1)
    if (last !== undefined && range.startLsn <= last.endLsn) {
      if (range.endLsn > last.endLsn) last.endLsn = range.endLsn
    } else merged.push({ startLsn: range.startLsn, endLsn: range.endLsn })
  }
  return merged
}

/**
 * The first LSN after `fromLsn` that the shipments of one incarnation do not hold: replay that
 * begins at `fromLsn` can read up to here. It is `fromLsn` itself where nothing holds that byte.
 */
export function replayableUntil(shipments: Iterable<WalRange>, fromLsn: Lsn): Lsn {
  const holding = coveredIntervals(shipments).find((one) => one.startLsn <= fromLsn && fromLsn < one.endLsn)
  return holding === undefined ? fromLsn : holding.endLsn
}

/**
 * The fewest shipments that give the first bytes of a segment, in LSN order, each beginning at
 * or before the end of the one before it; a whole segment always wins. Bytes after a hole are
 * left out: replay could not reach them. Empty where the segment's first byte is in no shipment.
 */
export function choosePieces<S extends WalRange>(shipments: Iterable<S>, segment: string, segmentSizeBytes: number): readonly S[] {
  const { startLsn } = parseSegmentName(segment, segmentSizeBytes)
  const endLsn = startLsn + BigInt(segmentSizeBytes)
  const candidates = [...shipments].filter((one) => one.segment === segment && holdsBytes(one))
  const whole = candidates.find((one) => one.kind === 'segment' && one.startLsn === startLsn && one.endLsn === endLsn)
  if (whole !== undefined) return [whole]
  const chosen: S[] = []
  let reached = startLsn
  for (;;) {
    const next = farthest(candidates.filter((one) => one.startLsn <= reached && one.endLsn > reached))
    if (next === undefined) return chosen
    chosen.push(next)
    reached = next.endLsn
  }
}

export interface FetchSegment<S extends WalRange> {
  readonly segment: string
  readonly startLsn: Lsn
  /** First byte that no piece holds: the end of the segment, or less for the last one. */
  readonly endLsn: Lsn
  readonly pieces: readonly S[]
}

export interface FetchPlan<S extends WalRange> {
  readonly segmentSizeBytes: number
  /** In replay order, without a hole. */
  readonly segments: readonly FetchSegment<S>[]
  readonly histories: readonly S[]
  /** First LSN that the fetched files do not hold. */
  readonly endLsn: Lsn
}

/**
 * What to fetch of one incarnation to replay from `fromLsn` (inclusive) up to `untilLsn`, or to
 * the end of what is there. The plan ends at the first missing byte; whether that is far enough
 * is the caller's to judge from `endLsn`.
 */
export function planFetch<S extends WalRange>(
  shipments: Iterable<S>,
  options: { timelineId: number; fromLsn: Lsn; untilLsn?: Lsn; segmentSizeBytes: number },
): FetchPlan<S> {
  const bySegment = groupBySegment(shipments)
  const size = BigInt(options.segmentSizeBytes)
  const segments: FetchSegment<S>[] = []
  let startLsn = segmentStart(options.fromLsn, options.segmentSizeBytes)
  while (options.untilLsn === undefined || startLsn < options.untilLsn) {
    const segment = segmentName(options.timelineId, startLsn, options.segmentSizeBytes)
    const pieces = choosePieces(bySegment.get(segment) ?? [], segment, options.segmentSizeBytes)
    const endLsn = pieces.at(-1)?.endLsn
    if (endLsn === undefined) break
    segments.push({ segment, startLsn, endLsn, pieces })
    if (endLsn < startLsn + size) break
    startLsn += size
  }
  const histories = newestHistories(shipments)
  return {
    segmentSizeBytes: options.segmentSizeBytes,
    segments,
    histories,
    endLsn: segments.at(-1)?.endLsn ?? options.fromLsn,
  }
}

/** Shipments in one place by the segment they belong to. */
export function groupBySegment<S extends WalRange>(shipments: Iterable<S>): ReadonlyMap<string, readonly S[]> {
  const groups = new Map<string, S[]>()
  for (const one of shipments) {
    const group = groups.get(one.segment)
    if (group === undefined) groups.set(one.segment, [one])
    else group.push(one)
  }
  return groups
}

function newestHistories<S extends WalRange>(shipments: Iterable<S>): readonly S[] {
  const one = new Map<string, S>()
  for (const shipment of shipments) if (shipment.kind === 'history' && !one.has(shipment.segment)) one.set(shipment.segment, shipment)
  return [...one.values()].sort((a, b) => (a.segment < b.segment ? -1 : 1))
}

function holdsBytes(one: WalRange): boolean {
  return one.kind !== 'history' && one.endLsn > one.startLsn
}

function byStart(a: WalRange, b: WalRange): number {
  if (a.startLsn !== b.startLsn) return a.startLsn < b.startLsn ? -1 : 1
  return a.endLsn === b.endLsn ? 0 : a.endLsn > b.endLsn ? -1 : 1
}

function farthest<S extends WalRange>(candidates: readonly S[]): S | undefined {
  return candidates.reduce<S | undefined>((best, one) => (best === undefined || one.endLsn > best.endLsn ? one : best), undefined)
}
