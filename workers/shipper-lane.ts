/** The way into one store, with its own pace and its own troubles: none delays another. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { WalSource } from '../adapters/component/postgresql/wal-source.ts'
import type { Store } from '../adapters/store/store.ts'
import { MusterError } from '../domain/failures.ts'
import type { FailureType } from '../domain/failures.ts'
import type { WalShipmentName } from '../domain/object-keys.ts'
import type { WalIndex } from '../domain/repository-format.ts'
import { parseSegmentName } from '../domain/wal.ts'
import type { Lsn } from '../domain/wal.ts'
import { readWalIndex } from '../repository/wal-fetch.ts'
import { listShipments, putWal } from '../repository/wal-publish.ts'
import { WalCoverage } from './shipper-coverage.ts'
import { nextNeed } from './shipper-needs.ts'
import type { ShippingSource } from './shipper-spools.ts'
import type { Staging } from './shipper-staging.ts'
import type { ShipperDependencies } from './shipper-types.ts'

const firstPauseMs = 500
const longestPauseMs = 30_000
/** How many of the newest indexes are opened to learn the time of the newest commit. */
const openedIndexes = 4
/** What an index is that does not prove its key. */
const untrue: ReadonlySet<FailureType> = new Set(['SignatureInvalid', 'KeyNotTrusted', 'ManifestInvalid', 'ObjectMissing'])
/** A store that takes longer for one shipment is shown as a problem. */
const slowMs = 60_000

export interface LaneWork {
  readonly place: { readonly system: string; readonly component: string }
  readonly wal: () => WalSource | null
  readonly sources: () => readonly ShippingSource[]
  readonly staging: Staging
  /** Called after each shipment and each failure. */
  readonly onChange: () => void
}

export class StoreLane {
  readonly store: Store
  readonly #deps: ShipperDependencies
  readonly #work: LaneWork
  readonly #coverage = new Map<string, WalCoverage>()
  #place: string | null = null
  #problem: MusterError | null = null
  #lastCommitAt: { readonly incarnation: string; readonly at: string } | null = null
  #busySinceMs: number | null = null
  #wake: (() => void) | null = null
  #awake = false

  constructor(store: Store, deps: ShipperDependencies, work: LaneWork) {
    this.store = store
    this.#deps = deps
    this.#work = work
  }

  get problem(): MusterError | null {
    if (this.#problem !== null || this.#busySinceMs === null || Date.now() - this.#busySinceMs < slowMs) return this.#problem
    const seconds = Math.round((Date.now() - this.#busySinceMs) / 1000)
    return new MusterError('Timeout', `${this.store.name} has not finished one shipment for ${seconds} s`)
  }

  /** Where the store lies, as seen when it was last listed or written; null until then. */
  get place(): string | null {
    return this.#place
  }

  /** What the store has of an incarnation; null until it was listed. */
  coverage(incarnation: string): WalCoverage | null {
    return this.#coverage.get(incarnation) ?? null
  }

  lastCommitAt(incarnation: string): string | null {
    return this.#lastCommitAt?.incarnation === incarnation ? this.#lastCommitAt.at : null
  }

  /** There may be something new to ship. */
  wake(): void {
    this.#awake = true
    this.#wake?.()
  }

  /** Ships until aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    let pauseMs = firstPauseMs
    while (!signal.aborted) {
      this.#awake = false
      try {
        this.#busySinceMs = Date.now()
        const shipped = await this.#step(signal).finally(() => (this.#busySinceMs = null))
        if (this.#problem !== null) this.#report(null)
        pauseMs = firstPauseMs
        if (!shipped) await this.#sleep(signal)
      } catch (error) {
        if (signal.aborted) return
        this.#report(error instanceof MusterError ? error : new MusterError('MusterBug', (error as Error).message, { cause: error }))
        await sleep(pauseMs * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => undefined)
        pauseMs = Math.min(pauseMs * 2, longestPauseMs)
      }
    }
  }

  /** One shipment, or false when the store has everything. */
  async #step(signal: AbortSignal): Promise<boolean> {
    const wal = this.#work.wal()
    if (wal === null) return false
    for (const source of this.#work.sources()) {
      const coverage = this.#coverage.get(source.incarnation) ?? (await this.#list(source.incarnation))
      const need = nextNeed(source, coverage)
      if (need === null) continue
      const lease = await this.#work.staging.lease(wal, source, need)
      if (lease === null) continue
      try {
        await putWal(this.store, lease.staged, signal)
        this.#place = await this.store.place()
        coverage.add(lease.staged.name)
        this.#note(source.incarnation, lease.staged.facts.lastCommitAt)
      } finally {
        lease.release()
      }
      this.#work.onChange()
      return true
    }
    return false
  }

  /**
   * Keys of what is in the spool no more are taken at their word; the few that would keep bytes of the
   * spool from being shipped must prove it by their signatures.
   */
  async #list(incarnation: string): Promise<WalCoverage> {
    this.#place = await this.store.place()
    const names = await listShipments(this.store, this.#work.place.system, this.#work.place.component, incarnation)
    const spooledFrom = this.#oldestSpooled(incarnation)
    const coverage = new WalCoverage()
    for (const name of names) {
      if (name.kind === 'history' || (spooledFrom !== null && name.endLsn > spooledFrom)) {
        if ((await this.#open(incarnation, name)) === null) continue
      }
      coverage.add(name)
    }
    await this.#learnLastCommit(incarnation, names)
    this.#coverage.set(incarnation, coverage)
    this.#work.onChange()
    return coverage
  }

  #oldestSpooled(incarnation: string): Lsn | null {
    const starts = this.#work
      .sources()
      .filter((source) => source.incarnation === incarnation)
      .flatMap(({ listing, segmentSizeBytes }) =>
        [listing.finished[0], listing.partial?.segment].flatMap((name) => (name === undefined ? [] : [parseSegmentName(name, segmentSizeBytes).startLsn])),
      )
    return starts.reduce<Lsn | null>((least, lsn) => (least === null || lsn < least ? lsn : least), null)
  }

  /** Null, and a line in the log, for an index that is not what its key says. */
  async #open(incarnation: string, name: WalShipmentName): Promise<WalIndex | null> {
    try {
      return await readWalIndex({ store: this.store, verifier: this.#deps.verifier }, { ...this.#work.place, incarnation }, name)
    } catch (error) {
      if (!(error instanceof MusterError) || !untrue.has(error.type)) throw error
      this.#deps.log({ event: 'wal-index-untrue', ...this.#work.place, store: this.store.name, problem: error.message })
      return null
    }
  }

  async #learnLastCommit(incarnation: string, names: readonly WalShipmentName[]): Promise<void> {
    const newest = names.filter((name) => name.kind !== 'history').sort((a, b) => (a.endLsn > b.endLsn ? -1 : 1))
    for (const name of newest.slice(0, openedIndexes)) {
      const at = (await this.#open(incarnation, name))?.lastCommitAt ?? null
      this.#note(incarnation, at)
      if (at !== null) return
    }
  }

  #note(incarnation: string, at: string | null): void {
    if (at === null) return
    const known = this.lastCommitAt(incarnation)
    if (known === null || known < at) this.#lastCommitAt = { incarnation, at }
  }

  #report(problem: MusterError | null): void {
    if (problem?.message !== this.#problem?.message) {
      this.#deps.log({
        event: problem === null ? 'store-back' : 'store-out',
        ...this.#work.place,
        store: this.store.name,
        problem: problem?.message,
      })
    }
    this.#problem = problem
    this.#work.onChange()
  }

  #sleep(signal: AbortSignal): Promise<void> {
    if (this.#awake || signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done)
        this.#wake = null
        resolve()
      }
      this.#wake = done
      signal.addEventListener('abort', done, { once: true })
    })
  }
}

/** Ends per store, counted without a hole from `fromLsn`; stores that were not listed yet are left out. */
export function endsFrom(lanes: readonly StoreLane[], incarnation: string, fromLsn: Lsn): ReadonlyMap<string, Lsn> {
  const ends = new Map<string, Lsn>()
  for (const lane of lanes) {
    const coverage = lane.coverage(incarnation)
    if (coverage === null) continue
    const end = coverage.endFrom(fromLsn)
    if (end > fromLsn) ends.set(lane.store.name, end)
  }
  return ends
}
