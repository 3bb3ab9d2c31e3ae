/**
 * Keeps a receiver running on one instance. Before each start it asks who the server is and proves
 * that nothing will be missing; where something is, it records the gap before anything is streamed on.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Receiver, ReceiverEnd, SourceFacts, WalSource } from '../adapters/component/postgresql/wal-source.ts'
import { MusterError } from '../domain/failures.ts'
import type { Incarnation } from '../domain/repository-format.ts'
import { formatLsn, parseLsn, segmentName, segmentStart } from '../domain/wal.ts'
import type { Lsn } from '../domain/wal.ts'
import { decideStart, newestRun } from './shipper-continuity.ts'
import type { ShippingSource } from './shipper-spools.ts'
import { setAside } from './shipper-spools.ts'
import type { InstanceState } from './shipper-state.ts'
import type { ShipperEvent } from './shipper-types.ts'

const firstPauseMs = 500
const longestPauseMs = 5000
/** A life this long means that the next failure is a new one. */
const settledMs = 10_000

export interface ReceivingHost {
  readonly place: { readonly system: string; readonly component: string }
  readonly log: (event: ShipperEvent) => void
  readonly state: () => InstanceState
  /** Persisted when it resolves. */
  readonly change: (change: Partial<InstanceState>) => Promise<void>
  readonly wal: () => Promise<WalSource>
  readonly mayReceive: () => boolean
  readonly currentIncarnation: (facts: SourceFacts) => Promise<Incarnation>
  /** Makes the incarnation the one that is received; its predecessor's spool is set aside. */
  readonly adopt: (incarnation: Incarnation, facts: SourceFacts) => Promise<void>
  /** The spool to receive into, looked at anew. */
  readonly currentSource: () => Promise<ShippingSource>
  /** Opens the spools anew after one was set aside. */
  readonly reopen: () => Promise<void>
  /** End of what enough stores have; waits a moment for stores that were not listed yet. */
  readonly requiredLsn: () => Promise<Lsn | null>
  readonly onChange: () => void
}

export class Receiving {
  readonly #host: ReceivingHost
  #receiver: Receiver | null = null
  #problem: MusterError | null = null
  #poke: (() => void) | null = null

  constructor(host: ReceivingHost) {
    this.#host = host
  }

  get receiver(): Receiver | null {
    return this.#receiver
  }

  get problem(): MusterError | null {
    return this.#problem
  }

  /** Ends the receiver of this moment; another starts where one may. Resolves when it is gone. */
  async restart(how: 'stop' | 'kill' = 'stop'): Promise<void> {
    await this.#receiver?.[how]()
    this.#poke?.()
  }

  /** Receives until aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    let pauseMs = firstPauseMs
    while (!signal.aborted) {
      const beganMs = Date.now()
      if (this.#host.mayReceive()) {
        try {
          await this.#live(signal)
        } catch (error) {
          this.#report(error instanceof MusterError ? error : new MusterError('MusterBug', (error as Error).message, { cause: error }))
        }
      }
      if (Date.now() - beganMs > settledMs) pauseMs = firstPauseMs
      await this.#pause(pauseMs, signal)
      pauseMs = Math.min(pauseMs * 2, longestPauseMs)
    }
  }

  /** One life of a receiver, from who the server is to why it ended. */
  async #live(signal: AbortSignal): Promise<void> {
    const wal = await this.#host.wal()
    const facts = await wal.identify()
    await this.#adopt(facts)
    const source = await this.#prepare(wal, facts)
    if (signal.aborted || !this.#host.mayReceive()) return
    const receiver = await wal.startReceiver(source.spool)
    this.#receiver = receiver
    this.#host.log({ event: 'receiver-started', ...this.#host.place, pid: receiver.pid, spool: source.spool.directory })
    const onAbort = () => void receiver.stop()
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted || !this.#host.mayReceive()) onAbort()
    this.#host.onChange()
    const settled = setTimeout(() => this.#report(null), 1000)
    const end = await receiver.ended
    clearTimeout(settled)
    signal.removeEventListener('abort', onAbort)
    this.#receiver = null
    this.#host.log({ event: 'receiver-ended', ...this.#host.place, kind: end.kind, detail: end.detail })
    if (end.kind !== 'stopped') await this.#afterEnd(wal, source, end)
  }

  async #adopt(facts: SourceFacts): Promise<void> {
    const { incarnation, history } = this.#host.state()
    const same =
      incarnation !== null &&
      incarnation.systemIdentifier === facts.systemIdentifier &&
      incarnation.timelineId === facts.timelineId &&
      (history === null || history === facts.history)
    const current = same ? incarnation : await this.#host.currentIncarnation(facts)
    if (current.systemIdentifier !== facts.systemIdentifier || current.timelineId !== facts.timelineId) {
      throw new MusterError(
        'WrongTarget',
        `the server is ${facts.systemIdentifier} on timeline ${facts.timelineId}, and incarnation ${current.incarnation} is ${current.systemIdentifier} on timeline ${current.timelineId}`,
      )
    }
    await this.#host.adopt(current, facts)
  }

  /** Proves that receiving will leave no hole, or records the one it leaves. */
  async #prepare(wal: WalSource, facts: SourceFacts): Promise<ShippingSource> {
    const before = (await wal.observe()).slots
    const slots = await wal.ensureSlots()
    const streamLsn = slots.stream?.restartLsn
    if (streamLsn === undefined || streamLsn === null) throw new MusterError('NotReadyYet', 'the replication slot has no position yet')
    const source = await this.#host.currentSource()
    const repaired = await source.spool.repair()
    if (repaired.length > 0) this.#host.log({ event: 'spool-repaired', ...this.#host.place, files: repaired })
    const requiredLsn = await this.#host.requiredLsn()
    if (requiredLsn !== null && facts.currentLsn < requiredLsn) {
      throw new MusterError(
        'WrongTarget',
        `the server stands at ${formatLsn(facts.currentLsn)} and ${formatLsn(requiredLsn)} of the same timeline is in the stores: it was brought back without a new timeline`,
        {
          hint: 'restore it with Muster, or promote it, so that it has a timeline of its own',
        },
      )
    }
    const anchor = before.anchor
    const run = newestRun(source.listing.finished, source.listing.partial?.segment ?? null, source.segmentSizeBytes)
    const decision = decideStart({
      segmentSizeBytes: source.segmentSizeBytes,
      requiredLsn,
      anchorLsn: anchor === null || anchor.walStatus === 'lost' ? null : anchor.restartLsn,
      forkLsn: source.forkLsn,
      streamLsn,
      spool: run,
    })
    const segment = segmentName(source.timelineId, decision.lsn, source.segmentSizeBytes)
    const written = decision.lsn < facts.currentLsn
    if (written && (await wal.hasSegment(segment)) === false) return this.#gap(wal, source, `the server no longer has ${segment}`)
    if (decision.kind === 'continue') {
      const start = requiredLsn === null ? (run?.startLsn ?? decision.lsn) : segmentStart(requiredLsn, source.segmentSizeBytes)
      if (this.#host.state().runStartLsn === null) await this.#host.change({ runStartLsn: formatLsn(start) })
      return source
    }
    return this.#begin(source, decision.lsn)
  }

  async #begin(source: ShippingSource, lsn: Lsn): Promise<ShippingSource> {
    const { listing, spool } = source
    if (listing.finished.length > 0 || listing.partial !== null) {
      this.#host.log({ event: 'spool-set-aside', ...this.#host.place, spool: spool.directory })
      await setAside(spool.directory)
    }
    await spool.begin(lsn)
    if (this.#host.state().runStartLsn === null) await this.#host.change({ runStartLsn: formatLsn(lsn) })
    await this.#host.reopen()
    return this.#host.currentSource()
  }

  /** WAL is gone for good: new slots, an empty spool, and the gap written down before it is streamed on. */
  async #gap(wal: WalSource, source: ShippingSource, reason: string): Promise<ShippingSource> {
    const afterLsn = await this.#unbrokenEnd(source)
    const slots = await wal.renewSlots()
    const restart = slots.stream?.restartLsn
    if (restart === undefined || restart === null) throw new MusterError('NotReadyYet', 'the replication slot has no position yet')
    const beforeLsn = segmentStart(restart, source.segmentSizeBytes)
    if (beforeLsn > afterLsn) await this.recordGap(source.incarnation, afterLsn, beforeLsn, reason)
    return this.#begin(source, beforeLsn)
  }

  /** The next stretch begins at `beforeLsn`; what lies between is lost to this instance's WAL. */
  async recordGap(incarnation: string, afterLsn: Lsn, beforeLsn: Lsn, reason: string): Promise<void> {
    const gap = {
      incarnation,
      afterLsn: formatLsn(afterLsn),
      beforeLsn: formatLsn(beforeLsn),
      reason,
      at: new Date().toISOString(),
    }
    this.#host.log({ event: 'gap', ...this.#host.place, ...gap })
    const { pendingGaps } = this.#host.state()
    await this.#host.change({
      pendingGaps: [...pendingGaps, gap],
      lastGap: gap,
      runStartLsn: formatLsn(beforeLsn),
      requiredLsn: null,
    })
    this.#host.onChange()
  }

  /** End of what is in the stores or will be, without a hole. */
  async #unbrokenEnd(source: ShippingSource): Promise<Lsn> {
    const required = await this.#host.requiredLsn()
    const run = newestRun(source.listing.finished, source.listing.partial?.segment ?? null, source.segmentSizeBytes)
    const spooled = run === null ? null : (source.partialEnd ?? run.nextLsn)
    const joined = run !== null && (required === null || run.startLsn <= required)
    if (spooled !== null && joined && (required === null || spooled > required)) return spooled
    const start = this.#host.state().runStartLsn
    return required ?? (start === null ? 0n : parseLsn(start))
  }

  async #afterEnd(wal: WalSource, source: ShippingSource, end: ReceiverEnd): Promise<void> {
    this.#report(new MusterError(end.kind === 'disconnected' ? 'DatabaseDown' : 'CommandFailed', `pg_receivewal ended (${end.kind}): ${end.detail}`))
    if (end.kind === 'bad-partial') await source.spool.repair()
    if (end.kind === 'wal-removed') await this.#gap(wal, await this.#host.currentSource(), end.detail)
  }

  #report(problem: MusterError | null): void {
    if (problem !== null && problem.message !== this.#problem?.message) {
      this.#host.log({ event: 'receiving-problem', ...this.#host.place, type: problem.type, problem: problem.message })
    }
    this.#problem = problem
    this.#host.onChange()
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const poked = new AbortController()
    this.#poke = () => poked.abort()
    await sleep(ms, undefined, { signal: AbortSignal.any([signal, poked.signal]) }).catch(() => undefined)
    this.#poke = null
  }
}
