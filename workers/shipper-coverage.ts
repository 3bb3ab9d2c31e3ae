/** What one store has of one incarnation; grows with each shipment, in any order. */
import type { WalShipmentName } from '../domain/object-keys.ts'
import { segmentStart } from '../domain/wal.ts'
import type { Lsn } from '../domain/wal.ts'
import type { LsnInterval } from '../domain/wal-shipments.ts'

export class WalCoverage {
  /** Without touch or overlap, ascending. */
  readonly #intervals: { startLsn: Lsn; endLsn: Lsn }[] = []
  readonly #wholes = new Map<string, WalShipmentName>()
  readonly #histories = new Set<string>()

  add(name: WalShipmentName): void {
    if (name.kind === 'history') this.#histories.add(name.segment)
    else {
      if (name.kind === 'segment') this.#wholes.set(name.segment, name)
      this.#merge(name.startLsn, name.endLsn)
    }
  }

  hasWhole(segment: string): boolean {
    return this.#wholes.has(segment)
  }

  hasHistory(name: string): boolean {
    return this.#histories.has(name)
  }

  /** Whole segments, by name. */
  get wholes(): ReadonlyMap<string, WalShipmentName> {
    return this.#wholes
  }

  /** First LSN from `lsn` on that is not covered. */
  endFrom(lsn: Lsn): Lsn {
    for (let at = this.#intervals.length - 1; at >= 0; at -= 1) {
      const one = this.#intervals[at] as LsnInterval
      if (one.startLsn <= lsn) return lsn < one.endLsn ? one.endLsn : lsn
    }
    return lsn
  }

  /** The newest unbroken stretch, or null where there is nothing. */
  newestStretch(segmentSizeBytes: number): LsnInterval | null {
    const last = this.#intervals.at(-1)
    return last === undefined ? null : { startLsn: segmentStart(last.startLsn, segmentSizeBytes), endLsn: last.endLsn }
  }

  #merge(startLsn: Lsn, endLsn: Lsn): void {
    if (endLsn <= startLsn) return
    let at = this.#intervals.length
    while (at > 0 && (this.#intervals[at - 1] as LsnInterval).endLsn >= startLsn) at -= 1
    let until = at
    const merged = { startLsn, endLsn }
    for (; until < this.#intervals.length; until += 1) {
      const one = this.#intervals[until] as LsnInterval
      if (one.startLsn > endLsn) break
      if (one.startLsn < merged.startLsn) merged.startLsn = one.startLsn
      if (one.endLsn > merged.endLsn) merged.endLsn = one.endLsn
    }
    this.#intervals.splice(at, until - at, merged)
  }
}

/**
 * The end of what enough stores have, counted from `fromLsn` without a hole: the highest LSN that the
 * stores reaching it satisfy the rule. Null where not even the beginning is in enough of them.
 */
export function requiredEnd(ends: ReadonlyMap<string, Lsn>, isRequiredMet: (stores: ReadonlySet<string>) => boolean): Lsn | null {
  const descending = [...ends].sort(([, a], [, b]) => (a === b ? 0 : a > b ? -1 : 1))
  const reached = new Set<string>()
  for (const [store, lsn] of descending) {
    reached.add(store)
    if (isRequiredMet(reached)) return lsn
  }
  return null
}
