/** Makes an incarnation the one that is received. */
import type { SourceFacts } from '../adapters/component/postgresql/wal-source.ts'
import type { Incarnation } from '../domain/repository-format.ts'
import type { ShipperParts } from './shipper-parts.ts'
import { reopen } from './shipper-rescan.ts'

/** The spool of the incarnation before it is set aside. Idempotent. */
export async function adopt(parts: ShipperParts, incarnation: Incarnation, facts: SourceFacts): Promise<void> {
  const { deps, place, kept, watch, spools } = parts
  const before = kept.state.incarnation
  const same = before?.incarnation === incarnation.incarnation
  if (same && spools.current !== null && kept.state.segmentSizeBytes === facts.segmentSizeBytes) return
  if (!same) {
    watch.forget()
    deps.log({
      event: 'incarnation',
      ...place,
      incarnation: incarnation.incarnation,
      timelineId: facts.timelineId,
      before: before?.incarnation,
    })
    if (before !== null) await spools.setAside(before)
  }
  await kept.change({
    incarnation,
    history: facts.history,
    segmentSizeBytes: facts.segmentSizeBytes,
    ...(same ? {} : { runStartLsn: null, requiredLsn: null }),
  })
  await reopen(parts)
}
