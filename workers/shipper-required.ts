/** How far the WAL is in as many stores as are required. */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseLsn } from '../domain/wal.ts'
import type { Lsn } from '../domain/wal.ts'
import { requiredEnd } from './shipper-coverage.ts'
import { endsFrom } from './shipper-lane.ts'
import type { StoreLane } from './shipper-lane.ts'
import { hasAll } from './shipper-needs.ts'
import type { ShippingSource } from './shipper-spools.ts'
import type { InstanceState } from './shipper-state.ts'

const listingWaitMs = 5000

export class RequiredStores {
  readonly #lanes: readonly StoreLane[]
  readonly #isRequiredMet: (stores: ReadonlyMap<string, string>) => boolean
  readonly #state: () => InstanceState

  constructor(lanes: readonly StoreLane[], isRequiredMet: (stores: ReadonlyMap<string, string>) => boolean, state: () => InstanceState) {
    this.#lanes = lanes
    this.#isRequiredMet = isRequiredMet
    this.#state = state
  }

  /** Per store, the end of what it has of the newest stretch; without the stores that have nothing of it. */
  ends(): ReadonlyMap<string, Lsn> {
    const start = this.#runStart()
    const { incarnation } = this.#state()
    return start === null || incarnation === null ? new Map() : endsFrom(this.#lanes, incarnation.incarnation, start)
  }

  /** End of what enough stores have, from what they are known to have now; null where that is nothing. */
  end(): Lsn | null {
    return requiredEnd(this.ends(), (stores) => this.#areEnough(stores))
  }

  /**
   * The same, waiting a moment for stores that were not listed yet. What is remembered stands in for stores
   * that do not answer: it was true once and stays so.
   */
  async awaitEnd(): Promise<Lsn | null> {
    const incarnation = this.#state().incarnation?.incarnation ?? ''
    const deadlineMs = Date.now() + listingWaitMs
    while (this.#lanes.some((lane) => lane.coverage(incarnation) === null && lane.problem === null) && Date.now() < deadlineMs) await sleep(50)
    const now = this.end()
    const { requiredLsn } = this.#state()
    const known = requiredLsn === null ? null : parseLsn(requiredLsn)
    return now === null || (known !== null && known > now) ? known : now
  }

  /** Whether enough stores reach an LSN, or each of those that are named. */
  haveUntil(untilLsn: Lsn, stores: readonly string[] | undefined): boolean {
    const there = new Set([...this.ends()].filter(([, end]) => end >= untilLsn).map(([store]) => store))
    return stores === undefined ? this.#areEnough(there) : stores.every((store) => there.has(store))
  }

  /** Whether there is no store left that does not reach an LSN. */
  allHave(untilLsn: Lsn): boolean {
    const ends = this.ends()
    return this.#lanes.every((lane) => lane.place !== null && (ends.get(lane.store.name) ?? 0n) >= untilLsn)
  }

  /** Whether enough stores have a whole segment. */
  haveSegment(incarnation: string, segment: string): boolean {
    return this.#areEnough(namesOf(this.#lanes.filter((lane) => lane.coverage(incarnation)?.hasWhole(segment) === true)))
  }

  /** Whether enough stores have everything that is in a spool. */
  haveSpool(source: ShippingSource): boolean {
    return this.#areEnough(namesOf(this.#lanes.filter((lane) => hasAll(source, lane.coverage(source.incarnation)))))
  }

  /** A store of which nobody has seen yet where it lies does not count: it may be where another one is. */
  #areEnough(stores: ReadonlySet<string>): boolean {
    const placed = this.#lanes.flatMap((lane) => (stores.has(lane.store.name) && lane.place !== null ? [[lane.store.name, lane.place] as const] : []))
    return this.#isRequiredMet(new Map(placed))
  }

  /** Where the newest unbroken stretch begins: remembered, or read from the stores. */
  #runStart(): Lsn | null {
    const { runStartLsn, incarnation, segmentSizeBytes } = this.#state()
    if (runStartLsn !== null) return parseLsn(runStartLsn)
    if (incarnation === null || segmentSizeBytes === null) return null
    const stretches = this.#lanes.flatMap((lane) => lane.coverage(incarnation.incarnation)?.newestStretch(segmentSizeBytes) ?? [])
    return stretches.sort((a, b) => (a.endLsn > b.endLsn ? -1 : 1))[0]?.startLsn ?? null
  }
}

function namesOf(lanes: readonly StoreLane[]): ReadonlySet<string> {
  return new Set(lanes.map((lane) => lane.store.name))
}
