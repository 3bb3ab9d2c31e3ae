/**
 * The shipper of one instance: a receiver, a lane into each store, and a round at least every
 * `shipEverySeconds` that looks, ticks, lets go of what is safe and guards the disk.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FlushAnswer, FlushRequest, InstanceStatus, ResumeRequest, ShipperState } from '../adapters/component/postgresql/shipper-protocol.ts'
import type { SourceFacts, SourceObservation, WalSource } from '../adapters/component/postgresql/wal-source.ts'
import { MusterError } from '../domain/failures.ts'
import type { Incarnation } from '../domain/repository-format.ts'
import { formatLsn, parseLsn, parseSegmentName, segmentStart } from '../domain/wal.ts'
import type { Lsn } from '../domain/wal.ts'
import { requiredEnd } from './shipper-coverage.ts'
import { isDiskLow } from './shipper-disk-reserve.ts'
import { LagTracker } from './shipper-lag.ts'
import { StoreLane, endsFrom } from './shipper-lane.ts'
import { hasAll } from './shipper-needs.ts'
import { Receiving } from './shipper-receiving.ts'
import { openSources, receivedEnd, refresh, removeSpool, setAside, spoolDirectory } from './shipper-spools.ts'
import type { ShippingSource } from './shipper-spools.ts'
import { Staging } from './shipper-staging.ts'
import { noState, readState, writeState } from './shipper-state.ts'
import type { InstanceState } from './shipper-state.ts'
import { lanesStatus, slotStatus } from './shipper-status.ts'
import type { ShipperDependencies, ShipperInstance } from './shipper-types.ts'

/** How often the spool is looked at for a finished segment between two rounds. */
const lookMs = 250
const listingWaitMs = 5000
const tickWaitMs = 2000
/** What a commit record may end short of the position that the server reports after it. */
const slackBytes = 64n
const defaultSilentSeconds = 20
const defaultKeepForLateStoresBytes = 2 * 1024 ** 3

export class InstanceShipper {
  readonly system: string
  readonly component: string
  readonly #deps: ShipperDependencies
  readonly #instance: ShipperInstance
  readonly #root: string
  readonly #lag = new LagTracker()
  readonly #lanes: readonly StoreLane[]
  readonly #staging: Staging
  readonly #receiving: Receiving
  #state: InstanceState = noState
  #sources: ShippingSource[] = []
  #wal: WalSource | null = null
  #observation: SourceObservation | null = null
  #observeProblem: MusterError | null = null
  #tickedAt: { readonly nextTransaction: string; readonly lsn: Lsn } | null = null
  #progress = { lsn: 0n, atMs: Date.now() }
  #rounds: Promise<void> = Promise.resolve()
  #changed = new Set<() => void>()

  constructor(deps: ShipperDependencies, instance: ShipperInstance, stateDirectory: string) {
    this.#deps = deps
    this.#instance = instance
    this.system = instance.system
    this.component = instance.component
    this.#root = join(stateDirectory, `${instance.system}.${instance.component}`)
    this.#staging = new Staging(join(this.#root, 'staging'), deps, instance)
    const work = {
      place: this.#place,
      wal: () => this.#wal,
      sources: () => this.#sources,
      staging: this.#staging,
      onChange: () => this.#announce(),
    }
    this.#lanes = instance.stores.map((store) => new StoreLane(store, deps, work))
    this.#receiving = new Receiving({
      place: this.#place,
      log: deps.log,
      state: () => this.#state,
      change: (change) => this.#change(change),
      wal: () => this.#openWal(),
      mayReceive: () => this.#state.paused === null && this.#state.protecting === null,
      currentIncarnation: (facts) => deps.currentIncarnation(this.#place, facts),
      adopt: (incarnation, facts) => this.#adopt(incarnation, facts),
      currentSource: () => this.#currentSource(),
      reopen: () => this.#reopen(),
      requiredLsn: () => this.#awaitRequired(),
      onChange: () => this.#announce(),
    })
  }

  get #place(): { readonly system: string; readonly component: string } {
    return { system: this.#instance.system, component: this.#instance.component }
  }

  /** Works until aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    // Open to pass through: the receiver's own user must reach its spool, which only that user can enter.
    await mkdir(this.#root, { recursive: true, mode: 0o711 })
    await this.#staging.clear()
    this.#state = await readState(join(this.#root, 'state.json'))
    await this.#openWal()
      .then(() => this.#reopen())
      .catch((error: unknown) => this.#logProblem('spool-unread', error))
    await Promise.all([this.#receiving.run(signal), this.#roundLoop(signal), ...this.#lanes.map((lane) => lane.run(signal))])
  }

  async #roundLoop(signal: AbortSignal): Promise<void> {
    let newest: string | undefined
    let lastRoundMs = 0
    while (!signal.aborted) {
      const listing = await this.#current()
        ?.spool.list()
        .catch(() => null)
      const finished = listing?.finished.at(-1)
      if (finished !== newest || Date.now() - lastRoundMs >= this.#instance.wal.shipEverySeconds * 1000) {
        newest = finished
        lastRoundMs = Date.now()
        await this.#round()
      }
      await sleep(lookMs, undefined, { signal }).catch(() => undefined)
    }
  }

  /** One round at a time, whoever asks; never rejects. */
  #round(): Promise<void> {
    this.#rounds = this.#rounds.then(() => this.#oneRound()).catch((error: unknown) => this.#logProblem('round-failed', error))
    return this.#rounds
  }

  /** Each step stands alone: a tick that fails must not keep bytes from the stores, nor a gap the disk from being guarded. */
  async #oneRound(): Promise<void> {
    const step = (work: () => Promise<void>) => work().catch((error: unknown) => this.#logProblem('round-step-failed', error))
    if (this.#state.paused === null) {
      await this.#observe()
      await step(() => this.#tickIfQuiet())
    }
    await step(() => this.#rescan())
    if (this.#state.paused !== null) return
    await step(() => this.#recordGaps())
    await step(() => this.#killSilentReceiver())
    await step(() => this.#guardDisk())
    await step(() => this.#letGo())
  }

  async #observe(): Promise<void> {
    try {
      const seen = await (await this.#openWal()).observe()
      this.#observation = seen
      this.#observeProblem = null
      this.#lag.look(seen.currentLsn, Date.now())
      const { incarnation } = this.#state
      if (incarnation === null || this.#receiving.receiver === null) return
      if (seen.systemIdentifier !== incarnation.systemIdentifier || seen.timelineId !== incarnation.timelineId) await this.#receiving.restart()
    } catch (error) {
      this.#observation = null
      this.#observeProblem = error instanceof MusterError ? error : new MusterError('MusterBug', (error as Error).message, { cause: error })
    }
  }

  /** An idle database gets a commit, so that it can be recovered to now; a busy one has its own. */
  async #tickIfQuiet(): Promise<void> {
    const seen = this.#observation
    if (seen === null || seen.inRecovery || this.#receiving.receiver === null) return
    if (this.#tickedAt !== null && this.#tickedAt.nextTransaction !== seen.nextTransaction) {
      this.#tickedAt = { nextTransaction: seen.nextTransaction, lsn: this.#tickedAt.lsn }
      return
    }
    await this.#tick()
  }

  async #tick(): Promise<Lsn | null> {
    const wal = await this.#openWal()
    const lsn = await wal.tick()
    if (lsn === null) return null
    const deadlineMs = Date.now() + tickWaitMs
    let seen = await wal.observe()
    while (this.#receiving.receiver !== null && (seen.flushedLsn ?? 0n) < lsn && Date.now() < deadlineMs) {
      await sleep(30)
      seen = await wal.observe()
    }
    this.#observation = seen
    this.#lag.look(seen.currentLsn, Date.now())
    this.#tickedAt = { nextTransaction: seen.nextTransaction, lsn }
    return lsn
  }

  /** Looks into every spool and tells the lanes. */
  async #rescan(): Promise<void> {
    const flushedLsn = this.#receiving.receiver === null ? null : (this.#observation?.flushedLsn ?? null)
    for (const source of this.#sources) await this.#refresh(source, source.aside ? null : flushedLsn)
    for (const lane of this.#lanes) lane.wake()
    const received = this.#received() ?? 0n
    if (received !== this.#progress.lsn) this.#progress = { lsn: received, atMs: Date.now() }
  }

  async #recordGaps(): Promise<void> {
    for (const gap of this.#state.pendingGaps) {
      await this.#deps.onGap({ ...this.#place, ...gap })
      await this.#change({ pendingGaps: this.#state.pendingGaps.filter((one) => one !== gap) })
    }
  }

  /** A receiver that brings nothing although there is something can block the server's checkpoints. */
  async #killSilentReceiver(): Promise<void> {
    const { receiver } = this.#receiving
    const seen = this.#observation
    if (receiver === null || seen === null) return
    const silentMs = (this.#instance.silentSeconds ?? defaultSilentSeconds) * 1000
    const since = Math.max(this.#progress.atMs, receiver.startedAtMs)
    if (seen.currentLsn <= this.#progress.lsn + slackBytes || Date.now() - since < silentMs) return
    this.#deps.log({
      event: 'silent-receiver-killed',
      ...this.#place,
      pid: receiver.pid,
      silentSeconds: Math.round((Date.now() - since) / 1000),
    })
    await this.#receiving.restart('kill')
  }

  /** A database must not die of its own protection. */
  async #guardDisk(): Promise<void> {
    const wal = this.#wal
    const source = this.#current()
    if (wal === null || source === null) return
    if (this.#state.protecting !== null) return this.#endProtection(wal, source, this.#state.protecting.afterLsn)
    const received = receivedEnd(source)
    if (received === null || this.#instance.wal.whenStoresAreOut !== 'protectDatabase') return
    const storesAreOut = (this.#required() ?? 0n) < received && this.#lanes.some((lane) => lane.problem !== null)
    if (!storesAreOut || !isDiskLow(await wal.freeSpace(source.spool.directory), this.#instance.wal.reserveBytes)) return
    await this.#beginProtection(wal, source, received)
  }

  async #beginProtection(wal: WalSource, source: ShippingSource, received: Lsn): Promise<void> {
    const at = new Date().toISOString()
    await this.#change({ protecting: { afterLsn: formatLsn(received), at } })
    await this.#receiving.restart()
    await this.#rescan()
    const afterLsn = formatLsn(receivedEnd(source) ?? received)
    const reason = 'the disk is filling while the stores are out: receiving was stopped to protect the database'
    const gap = { incarnation: source.incarnation, afterLsn, beforeLsn: null, reason, at }
    await this.#change({ protecting: { afterLsn, at }, pendingGaps: [...this.#state.pendingGaps, gap], lastGap: gap })
    this.#deps.log({ event: 'protecting-database', ...this.#place, afterLsn })
    await wal.dropSlots()
  }

  /** Receiving begins again when enough stores have what was received before; what was written meanwhile is the gap. */
  async #endProtection(wal: WalSource, source: ShippingSource, afterLsn: string): Promise<void> {
    const seen = this.#observation
    const holders = this.#lanes.filter((lane) => hasAll(source, lane.coverage(source.incarnation)))
    if (!this.#instance.isRequiredMet(new Set(holders.map((lane) => lane.store.name)))) {
      // A slot that was still in use when protection began is dropped now.
      if (seen !== null && (seen.slots.stream !== null || seen.slots.anchor !== null)) await wal.dropSlots()
      return
    }
    if (seen === null) return
    const slots = await wal.renewSlots()
    const beforeLsn = segmentStart(slots.stream?.restartLsn ?? seen.currentLsn, source.segmentSizeBytes)
    await this.#receiving.recordGap(
      source.incarnation,
      parseLsn(afterLsn),
      beforeLsn,
      'receiving was stopped to protect the database while the stores were out',
    )
    await setAside(source.spool.directory)
    await source.spool.begin(beforeLsn)
    await this.#change({ protecting: null })
    await this.#reopen()
    await this.#receiving.restart()
  }

  /** The anchor first, then the files: what the server may drop is always still in the spool or in the stores. */
  async #letGo(): Promise<void> {
    const wal = this.#wal
    const source = this.#current()
    const required = this.#required()
    if (wal === null || source === null || required === null || this.#state.protecting !== null) return
    const safeLsn = segmentStart(required, source.segmentSizeBytes)
    const known = this.#state.requiredLsn
    if (known === null || segmentStart(parseLsn(known), source.segmentSizeBytes) !== safeLsn) await this.#change({ requiredLsn: formatLsn(required) })
    const anchor = this.#observation?.slots.anchor
    if (anchor && anchor.restartLsn !== null && anchor.restartLsn < safeLsn && safeLsn <= (this.#observation?.currentLsn ?? 0n))
      await wal.advanceAnchor(safeLsn)
    await this.#removeShipped(source, safeLsn)
    for (const aside of this.#sources.filter((one) => one.aside)) await this.#removeDrained(aside)
  }

  /** The newest finished segment stays: it says where receiving goes on. */
  async #removeShipped(source: ShippingSource, safeLsn: Lsn): Promise<void> {
    const keepBytes = this.#instance.keepForLateStoresBytes ?? defaultKeepForLateStoresBytes
    let sizeBytes = source.listing.sizeBytes
    for (const segment of source.listing.finished.slice(0, -1)) {
      const { startLsn } = parseSegmentName(segment, source.segmentSizeBytes)
      if (startLsn >= safeLsn || !this.#isSafe(source.incarnation, segment)) return
      const everywhere = this.#lanes.every((lane) => lane.coverage(source.incarnation)?.hasWhole(segment) === true)
      if (!everywhere && sizeBytes <= keepBytes) return
      await source.spool.remove(segment)
      sizeBytes -= source.segmentSizeBytes
    }
  }

  /** Late stores get what was set aside too, as long as there is room for it. */
  async #removeDrained(source: ShippingSource): Promise<void> {
    await this.#refresh(source, null)
    const { partial } = source.listing
    if (partial !== null && partial.sizeBytes > 0 && source.recordsReadAtMs !== partial.modifiedAtMs) return
    const holders = this.#lanes.filter((lane) => hasAll(source, lane.coverage(source.incarnation)))
    if (!this.#instance.isRequiredMet(new Set(holders.map((lane) => lane.store.name)))) return
    const keepBytes = this.#instance.keepForLateStoresBytes ?? defaultKeepForLateStoresBytes
    if (holders.length < this.#lanes.length && this.#spoolBytes() <= keepBytes) return
    this.#deps.log({ event: 'spool-removed', ...this.#place, spool: source.spool.directory })
    await removeSpool(source)
    this.#sources = this.#sources.filter((one) => one !== source)
  }

  #spoolBytes(): number {
    return this.#sources.reduce((sum, source) => sum + source.listing.sizeBytes, 0)
  }

  #isSafe(incarnation: string, segment: string): boolean {
    const holders = this.#lanes.filter((lane) => lane.coverage(incarnation)?.hasWhole(segment) === true)
    return this.#instance.isRequiredMet(new Set(holders.map((lane) => lane.store.name)))
  }

  // What the receiver needs to know.

  async #adopt(incarnation: Incarnation, facts: SourceFacts): Promise<void> {
    const before = this.#state.incarnation
    const same = before?.incarnation === incarnation.incarnation
    if (same && this.#current() !== null && this.#state.segmentSizeBytes === facts.segmentSizeBytes) return
    if (!same) {
      this.#lag.forget()
      this.#tickedAt = null
      this.#deps.log({
        event: 'incarnation',
        ...this.#place,
        incarnation: incarnation.incarnation,
        timelineId: facts.timelineId,
        before: before?.incarnation,
      })
      if (before !== null) await setAside(spoolDirectory(this.#root, before))
    }
    await this.#change({
      incarnation,
      history: facts.history,
      segmentSizeBytes: facts.segmentSizeBytes,
      ...(same ? {} : { runStartLsn: null, requiredLsn: null }),
    })
    await this.#reopen()
  }

  async #reopen(): Promise<void> {
    const { incarnation, segmentSizeBytes } = this.#state
    if (segmentSizeBytes === null) return
    const wal = await this.#openWal()
    const sources = await openSources(this.#root, wal, segmentSizeBytes, incarnation)
    const current = incarnation === null ? null : spoolDirectory(this.#root, incarnation)
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
    await this.#rescan()
  }

  #current(): ShippingSource | null {
    return this.#sources.find((source) => !source.aside) ?? null
  }

  async #currentSource(): Promise<ShippingSource> {
    const source = this.#current()
    if (source === null) throw new MusterError('MusterBug', `no spool is open for ${this.system}/${this.component}`)
    await this.#refresh(source, null)
    return source
  }

  async #refresh(source: ShippingSource, flushedLsn: Lsn | null): Promise<void> {
    await refresh(source, await this.#openWal(), flushedLsn, join(this.#root, 'staging'))
  }

  async #openWal(): Promise<WalSource> {
    this.#wal ??= await this.#instance.openSource(this.#state.connection)
    return this.#wal
  }

  #received(): Lsn | null {
    const source = this.#current()
    return source === null ? null : receivedEnd(source)
  }

  /** Where the newest unbroken stretch begins: remembered, or read from the stores. */
  #runStart(): Lsn | null {
    const { runStartLsn, incarnation, segmentSizeBytes } = this.#state
    if (runStartLsn !== null) return parseLsn(runStartLsn)
    if (incarnation === null || segmentSizeBytes === null) return null
    const stretches = this.#lanes.flatMap((lane) => lane.coverage(incarnation.incarnation)?.newestStretch(segmentSizeBytes) ?? [])
    return stretches.sort((a, b) => (a.endLsn > b.endLsn ? -1 : 1))[0]?.startLsn ?? null
  }

  #ends(): ReadonlyMap<string, Lsn> {
    const start = this.#runStart()
    const { incarnation } = this.#state
    return start === null || incarnation === null ? new Map() : endsFrom(this.#lanes, incarnation.incarnation, start)
  }

  #required(): Lsn | null {
    return requiredEnd(this.#ends(), this.#instance.isRequiredMet)
  }

  /** What is remembered stands in for stores that do not answer: it was true once and stays so. */
  async #awaitRequired(): Promise<Lsn | null> {
    const incarnation = this.#state.incarnation?.incarnation ?? ''
    const deadlineMs = Date.now() + listingWaitMs
    while (this.#lanes.some((lane) => lane.coverage(incarnation) === null && lane.problem === null) && Date.now() < deadlineMs) await sleep(50)
    const now = this.#required()
    const known = this.#state.requiredLsn === null ? null : parseLsn(this.#state.requiredLsn)
    return now === null || (known !== null && known > now) ? known : now
  }

  // What is asked over the socket.

  /** @throws MusterError Timeout naming what is still missing; InvalidInput for a store it does not ship to */
  async flush(request: FlushRequest): Promise<FlushAnswer> {
    const unknown = request.stores?.find((name) => !this.#lanes.some((lane) => lane.store.name === name))
    if (unknown !== undefined) throw new MusterError('InvalidInput', `${this.system}/${this.component} is not shipped to a store named "${unknown}"`)
    const deadlineMs = Date.now() + request.timeoutSeconds * 1000
    const untilLsn = request.untilLsn === undefined ? await this.#now(request.tick !== false) : parseLsn(request.untilLsn)
    for (;;) {
      await this.#round()
      if (this.#hasUntil(untilLsn, request.stores)) break
      if (Date.now() >= deadlineMs) throw this.#late(untilLsn, request)
      await this.#nextChange(Math.min(200, Math.max(1, deadlineMs - Date.now())))
    }
    const status = this.status()
    const times = status.stores.flatMap((store) => store.lastCommitAt ?? [])
    return {
      untilLsn: formatLsn(untilLsn),
      requiredLsn: formatLsn(this.#required() ?? untilLsn),
      lastCommitAt: times.sort().at(-1) ?? null,
      stores: status.stores,
    }
  }

  async #now(tick: boolean): Promise<Lsn> {
    if (this.#state.paused === null) {
      await this.#observe()
      const ticked = tick && this.#observation !== null ? await this.#tick().catch(() => null) : null
      const lsn = ticked ?? this.#observation?.currentLsn
      if (lsn !== undefined) return lsn
    }
    // Looked at twice: the end of a file at rest is read from its records.
    for (const pauseMs of [300, 0]) {
      await this.#rescan()
      await sleep(pauseMs)
    }
    const received = this.#received()
    if (received === null)
      throw this.#receiving.problem ?? this.#observeProblem ?? new MusterError('NotReadyYet', `nothing was received of ${this.system}/${this.component} yet`)
    return received
  }

  #hasUntil(untilLsn: Lsn, stores: readonly string[] | undefined): boolean {
    const there = new Set([...this.#ends()].filter(([, end]) => end >= untilLsn).map(([store]) => store))
    return stores === undefined ? this.#instance.isRequiredMet(there) : stores.every((store) => there.has(store))
  }

  #late(untilLsn: Lsn, request: FlushRequest): MusterError {
    const missing = this.status().stores.filter((store) => store.shippedLsn === null || parseLsn(store.shippedLsn) < untilLsn)
    const each = missing.map((store) => `${store.store} has up to ${store.shippedLsn ?? 'nothing'}${store.problem === null ? '' : ` (${store.problem})`}`)
    const received = this.#received()
    const receiving =
      received !== null && received >= untilLsn
        ? ''
        : `; received up to ${received === null ? 'nothing' : formatLsn(received)}${this.#problem() === null ? '' : ` (${this.#problem()})`}`
    return new MusterError('Timeout', `WAL up to ${formatLsn(untilLsn)} is not in the stores after ${request.timeoutSeconds} s: ${each.join(', ')}${receiving}`)
  }

  /** Stops receiving, for a restore; what is in the spool goes on to the stores. Idempotent. */
  async pause(reason: string): Promise<InstanceStatus> {
    await this.#change({ paused: { reason, at: new Date().toISOString() } })
    await this.#receiving.restart()
    await this.#rounds
    await this.#rescan()
    return this.status()
  }

  /** Receives again, perhaps elsewhere and another incarnation. Idempotent. */
  async resume(request: ResumeRequest): Promise<InstanceStatus> {
    await this.#receiving.restart()
    const { newIncarnation } = request
    const before = this.#state.incarnation
    if (newIncarnation !== undefined && before !== null && before.incarnation !== newIncarnation.incarnation) {
      await setAside(spoolDirectory(this.#root, before))
    }
    const fresh = newIncarnation !== undefined && newIncarnation.incarnation !== before?.incarnation
    this.#wal = null
    this.#observation = null
    if (fresh) {
      this.#lag.forget()
      this.#tickedAt = null
    }
    await this.#change({
      connection: request.connection ?? null,
      paused: null,
      ...(fresh ? { incarnation: newIncarnation, history: null, runStartLsn: null, requiredLsn: null, protecting: null } : {}),
    })
    await this.#reopen()
    await this.#receiving.restart()
    return this.status()
  }

  status(): InstanceStatus {
    const { incarnation, lastGap } = this.#state
    const received = this.#received()
    const required = this.#required()
    const current = this.#lag.currentLsn
    return {
      ...this.#place,
      state: this.#stateWord(),
      problem: this.#problem(),
      incarnation: incarnation?.incarnation ?? null,
      timelineId: incarnation?.timelineId ?? null,
      receivedLsn: received === null ? null : formatLsn(received),
      currentLsn: current === null ? null : formatLsn(current),
      requiredLsn: required === null ? null : formatLsn(required),
      stores: lanesStatus(this.#lanes, this.#ends(), incarnation?.incarnation ?? '', this.#lag, current ?? received, this.#current()),
      slots: {
        stream: slotStatus(this.#observation?.slots.stream),
        anchor: slotStatus(this.#observation?.slots.anchor),
      },
      spoolBytes: this.#spoolBytes(),
      spoolsAside: this.#sources.filter((source) => source.aside).length,
      receiverPid: this.#receiving.receiver?.pid ?? null,
      lastGap,
    }
  }

  #stateWord(): ShipperState {
    if (this.#state.paused !== null) return 'paused'
    if (this.#state.protecting !== null) return 'protecting-database'
    if (this.#state.pendingGaps.length > 0) return 'gap'
    return this.#receiving.receiver === null ? 'down' : 'streaming'
  }

  #problem(): string | null {
    if (this.#state.paused !== null) return this.#state.paused.reason
    return this.#receiving.problem?.message ?? this.#observeProblem?.message ?? null
  }

  async #change(change: Partial<InstanceState>): Promise<void> {
    this.#state = { ...this.#state, ...change }
    await writeState(join(this.#root, 'state.json'), this.#state)
  }

  #announce(): void {
    for (const listener of this.#changed) listener()
  }

  /** Resolves at the next change of a lane or the receiver, or after a while. */
  #nextChange(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        this.#changed.delete(done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      this.#changed.add(done)
    })
  }

  #logProblem(event: string, error: unknown): void {
    this.#deps.log({ event, ...this.#place, problem: error instanceof Error ? error.message : String(error) })
  }
}
