/** What the shipper says of itself, made of what it has observed. */
import type { InstanceStatus, ShipperState, SlotStatus, StoreLag } from '../adapters/component/postgresql/shipper-protocol.ts'
import type { SlotFacts } from '../adapters/component/postgresql/wal-source.ts'
import { formatLsn, parseSegmentName } from '../domain/wal.ts'
import type { Lsn } from '../domain/wal.ts'
import type { LagTracker } from './shipper-lag.ts'
import type { StoreLane } from './shipper-lane.ts'
import type { ShipperParts } from './shipper-parts.ts'
import type { ShippingSource } from './shipper-spools.ts'

export function instanceStatus(parts: ShipperParts): InstanceStatus {
  const { place, kept, watch, spools, lanes, receiving } = parts
  const { incarnation, lastGap } = kept.state
  const received = spools.receivedLsn
  const required = parts.required.end()
  const current = watch.lag.currentLsn
  return {
    ...place,
    state: stateWord(parts),
    problem: problemOf(parts),
    incarnation: incarnation?.incarnation ?? null,
    timelineId: incarnation?.timelineId ?? null,
    receivedLsn: received === null ? null : formatLsn(received),
    currentLsn: current === null ? null : formatLsn(current),
    requiredLsn: required === null ? null : formatLsn(required),
    stores: lanesStatus(lanes, parts.required.ends(), incarnation?.incarnation ?? '', watch.lag, current ?? received, spools.current),
    slots: {
      stream: slotStatus(watch.observation?.slots.stream),
      anchor: slotStatus(watch.observation?.slots.anchor),
    },
    spoolBytes: spools.sizeBytes,
    spoolsAside: spools.aside.length,
    receiverPid: receiving.receiver?.pid ?? null,
    lastGap,
  }
}

/** Why nothing is received, or why the server could not be looked at; null where all is well. */
export function problemOf({ kept, watch, receiving }: ShipperParts): string | null {
  if (kept.state.paused !== null) return kept.state.paused.reason
  return receiving.problem?.message ?? watch.problem?.message ?? null
}

function stateWord({ kept, receiving }: ShipperParts): ShipperState {
  if (kept.state.paused !== null) return 'paused'
  if (kept.state.protecting !== null) return 'protecting-database'
  if (kept.state.pendingGaps.length > 0) return 'gap'
  return receiving.receiver === null ? 'down' : 'streaming'
}

function lanesStatus(
  lanes: readonly StoreLane[],
  ends: ReadonlyMap<string, Lsn>,
  incarnation: string,
  lag: LagTracker,
  currentLsn: Lsn | null,
  source: ShippingSource | null,
): readonly StoreLag[] {
  return lanes.map((lane) => {
    const end = ends.get(lane.store.name) ?? null
    return {
      store: lane.store.name,
      shippedLsn: end === null ? null : formatLsn(end),
      lastCommitAt: lane.lastCommitAt(incarnation),
      lagSeconds: end === null ? null : lag.lagSeconds(end, Date.now()),
      lagBytes: end === null || currentLsn === null ? null : Number(currentLsn > end ? currentLsn - end : 0n),
      place: lane.place,
      missingSegments: missingSegments(lane, lanes, incarnation, source),
      problem: lane.problem?.message ?? null,
    }
  })
}

/** Segments that another store has whole and that are older than the spool. */
function missingSegments(lane: StoreLane, lanes: readonly StoreLane[], incarnation: string, source: ShippingSource | null): number {
  const mine = lane.coverage(incarnation)
  const oldest = source?.listing.finished[0] ?? source?.listing.partial?.segment
  if (mine === null || source === null || oldest === undefined) return 0
  const spooledFrom = parseSegmentName(oldest, source.segmentSizeBytes).startLsn
  const missing = new Set<string>()
  for (const other of lanes) {
    for (const [segment, name] of other.coverage(incarnation)?.wholes ?? []) {
      if (name.startLsn < spooledFrom && !mine.hasWhole(segment)) missing.add(segment)
    }
  }
  return missing.size
}

function slotStatus(slot: SlotFacts | null | undefined): SlotStatus | null {
  if (!slot) return null
  const { name, walStatus, restartLsn, safeWalSizeBytes, active } = slot
  return { name, walStatus, restartLsn: restartLsn === null ? null : formatLsn(restartLsn), safeWalSizeBytes, active }
}
