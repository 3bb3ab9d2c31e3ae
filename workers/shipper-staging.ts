/** Shipments on their way: compressed, encrypted and signed once, then the same file for every store. */
import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { CommitTimes, WalSource } from '../adapters/component/postgresql/wal-source.ts'
import { parseSegmentName } from '../domain/wal.ts'
import type { Lsn } from '../domain/wal.ts'
import { stageWal } from '../repository/wal-publish.ts'
import type { StagedWal } from '../repository/wal-publish.ts'
import type { Need } from './shipper-needs.ts'
import type { ShippingSource } from './shipper-spools.ts'
import type { ShipperDependencies, ShipperInstance } from './shipper-types.ts'

/** How many shipments nobody is sending are kept for a store that is a moment late. */
const keptIdle = 4
const noTimes: CommitTimes = { firstCommitAt: null, lastCommitAt: null, lastCommitLsn: null }

type StagingDependencies = Pick<ShipperDependencies, 'organisation' | 'host' | 'version' | 'encryption' | 'signer' | 'log'>
type StagingInstance = Pick<ShipperInstance, 'system' | 'component' | 'stores'>

interface Entry {
  readonly made: Promise<StagedWal | null>
  users: number
}

export interface StagedLease {
  readonly staged: StagedWal
  release(): void
}

export class Staging {
  readonly #entries = new Map<string, Entry>()
  /** Per segment, the newest commit seen: a place where a record begins. */
  readonly #records = new Map<string, Lsn>()
  readonly #directory: string
  readonly #deps: StagingDependencies
  readonly #instance: StagingInstance
  #count = 0

  constructor(directory: string, deps: StagingDependencies, instance: StagingInstance) {
    this.#directory = directory
    this.#deps = deps
    this.#instance = instance
  }

  /** What a killed shipper left is of no use: its source is in the spool. */
  async clear(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true })
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
  }

  /** Null when the source's file is there no more. */
  async lease(wal: WalSource, source: ShippingSource, need: Need): Promise<StagedLease | null> {
    const key = `${source.incarnation}/${need.segment}/${need.startLsn}-${need.endLsn}/${need.kind}`
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      entry = { made: this.#make(wal, source, need), users: 0 }
      this.#entries.set(key, entry)
    }
    entry.users += 1
    const leave = () => {
      entry.users -= 1
      if (this.#entries.get(key) === entry) this.#entries.delete(key)
    }
    try {
      const staged = await entry.made
      if (staged !== null) return { staged, release: () => this.#release(entry) }
    } catch (error) {
      leave()
      throw error
    }
    leave()
    return null
  }

  #release(entry: Entry): void {
    entry.users -= 1
    const idle = [...this.#entries].filter(([, one]) => one.users === 0)
    for (const [key, one] of idle.slice(0, Math.max(0, idle.length - keptIdle))) {
      this.#entries.delete(key)
      one.made.then((staged) => staged && rm(staged.file.path, { force: true })).catch(() => undefined)
    }
  }

  async #make(wal: WalSource, source: ShippingSource, need: Need): Promise<StagedWal | null> {
    const path = need.kind === 'history' ? join(source.spool.directory, need.segment) : await source.spool.locate(need.segment)
    const facts = path === null ? null : await stat(path).catch(() => null)
    if (path === null || facts === null) return null
    const startLsn = need.kind === 'history' ? 0n : need.startLsn
    const endLsn = need.kind === 'history' ? BigInt(facts.size) : need.endLsn
    const base = need.kind === 'history' ? 0n : parseSegmentName(need.segment, source.segmentSizeBytes).startLsn
    const times = need.kind === 'history' ? noTimes : await this.#times(wal, path, need, base)
    this.#count += 1
    const target = join(this.#directory, `${need.segment}.${this.#count}.zst.age`)
    const { compressed, done } = wal.compress(path, Number(startLsn - base), Number(endLsn - base))
    try {
      const { system, component, stores } = this.#instance
      const { organisation, host, version } = this.#deps
      const staged = await stageWal(
        this.#deps,
        compressed,
        {
          organisation,
          system,
          component,
          incarnation: source.incarnation,
          timelineId: source.timelineId,
          segment: need.segment,
          kind: need.kind,
          startLsn,
          endLsn,
          ...times,
          stores: stores.map((store) => store.name),
          writer: { host, muster: version },
        },
        target,
      )
      await done
      return staged
    } catch (error) {
      await rm(target, { force: true })
      // Finished, and so renamed, between the look and the reading: no fault of any store.
      if ((await stat(path).catch(() => null)) === null) return null
      throw error
    }
  }

  /** Times are worth much, but not a shipment: where they cannot be read it goes without. */
  async #times(wal: WalSource, path: string, { segment, kind, startLsn, endLsn }: Need, base: Lsn): Promise<CommitTimes> {
    const known = this.#records.get(segment)
    const recordLsn = kind === 'partial' && known !== undefined && known < startLsn ? known : base
    try {
      const times = await wal.commitTimes({ path, segment, recordLsn, startLsn, endLsn }, this.#directory)
      if (kind === 'segment') this.#records.delete(segment)
      else if (times.lastCommitLsn !== null) this.#records.set(segment, times.lastCommitLsn)
      return times
    } catch (error) {
      const { system, component } = this.#instance
      this.#deps.log({ event: 'commit-times-unread', system, component, segment, problem: (error as Error).message })
      return noTimes
    }
  }
}
