/** The spools that are open: the one that is received into, and those that were set aside. */
import type { WalSource } from '../adapters/component/postgresql/wal-source.ts'
import { MusterError } from '../domain/failures.ts'
import type { Incarnation } from '../domain/repository-format.ts'
import { parseLsn } from '../domain/wal.ts'
import type { Lsn } from '../domain/wal.ts'
import { openSources, receivedEnd, refresh, removeSpool, setAside, spoolDirectory } from './shipper-spools.ts'
import type { ShippingSource } from './shipper-spools.ts'

export interface SpoolSetHost {
  readonly place: { readonly system: string; readonly component: string }
  readonly root: string
  readonly workDirectory: string
  readonly wal: () => Promise<WalSource>
}

export class SpoolSet {
  readonly #host: SpoolSetHost
  #sources: readonly ShippingSource[] = []

  constructor(host: SpoolSetHost) {
    this.#host = host
  }

  /** Those set aside first, oldest first. */
  get sources(): readonly ShippingSource[] {
    return this.#sources
  }

  get aside(): readonly ShippingSource[] {
    return this.#sources.filter((source) => source.aside)
  }

  /** The one that is received into; null before there is one. */
  get current(): ShippingSource | null {
    return this.#sources.find((source) => !source.aside) ?? null
  }

  /** End of what was received; null where nothing was. */
  get receivedLsn(): Lsn | null {
    const source = this.current
    return source === null ? null : receivedEnd(source)
  }

  get sizeBytes(): number {
    return this.#sources.reduce((sum, source) => sum + source.listing.sizeBytes, 0)
  }

  /** Opens what is on disk, and a spool for the incarnation where it has none yet. */
  async open(segmentSizeBytes: number, incarnation: Incarnation | null): Promise<void> {
    const wal = await this.#host.wal()
    const sources = await openSources(this.#host.root, wal, segmentSizeBytes, incarnation)
    const current = incarnation === null ? null : spoolDirectory(this.#host.root, incarnation)
    if (incarnation !== null && !sources.some((source) => source.spool.directory === current)) {
      sources.push({
        incarnation: incarnation.incarnation,
        timelineId: incarnation.timelineId,
        segmentSizeBytes,
        forkLsn: incarnation.forkLsn === null ? null : parseLsn(incarnation.forkLsn),
        aside: false,
        spool: wal.openSpool(current as string, incarnation.timelineId, segmentSizeBytes),
        listing: { finished: [], partial: null, history: null, sizeBytes: 0 },
        partialEnd: null,
        recordsReadAtMs: null,
      })
    }
    this.#sources = sources
  }

  /** `flushedLsn` is what a running receiver reported of it, or null. */
  async refresh(source: ShippingSource, flushedLsn: Lsn | null): Promise<void> {
    await refresh(source, await this.#host.wal(), flushedLsn, this.#host.workDirectory)
  }

  /**
   * The spool to receive into, looked at anew.
   * @throws MusterError MusterBug before one is open
   */
  async refreshedCurrent(): Promise<ShippingSource> {
    const source = this.current
    if (source === null) throw new MusterError('MusterBug', `no spool is open for ${this.#host.place.system}/${this.#host.place.component}`)
    await this.refresh(source, null)
    return source
  }

  /** Moves the spool of an incarnation out of the receiver's way; open() then finds it set aside. Nothing happens where there is none. */
  async setAside(incarnation: Incarnation): Promise<void> {
    await setAside(spoolDirectory(this.#host.root, incarnation))
  }

  /** For good, with what is in it. */
  async remove(source: ShippingSource): Promise<void> {
    await removeSpool(source)
    this.#sources = this.#sources.filter((one) => one !== source)
  }
}
