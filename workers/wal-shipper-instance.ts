/** The shipper of one instance: a receiver, a lane into each store, and the rounds that hold them together. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { FlushAnswer, FlushRequest, InstanceStatus, ResumeRequest } from '../adapters/component/postgresql/shipper-protocol.ts'
import { adopt } from './shipper-adoption.ts'
import { inactiveReason } from './shipper-activity.ts'
import { Changes } from './shipper-changes.ts'
import { flush } from './shipper-flush.ts'
import { StoreLane } from './shipper-lane.ts'
import { logProblem } from './shipper-parts.ts'
import type { ShipperParts } from './shipper-parts.ts'
import { pause, resume } from './shipper-pause.ts'
import { ReceivedProgress } from './shipper-progress.ts'
import { Receiving } from './shipper-receiving.ts'
import { RequiredStores } from './shipper-required.ts'
import { reopen } from './shipper-rescan.ts'
import { Rounds } from './shipper-rounds.ts'
import { ServerWatch } from './shipper-server-watch.ts'
import { SpoolSet } from './shipper-spool-set.ts'
import { Staging } from './shipper-staging.ts'
import { KeptState } from './shipper-state.ts'
import { instanceStatus } from './shipper-status.ts'
import type { ShipperDependencies, ShipperInstance } from './shipper-types.ts'

export class InstanceShipper {
  readonly system: string
  readonly component: string
  readonly #root: string
  readonly #staging: Staging
  readonly #changes = new Changes()
  readonly #parts: ShipperParts
  readonly #rounds: Rounds

  constructor(deps: ShipperDependencies, instance: ShipperInstance, stateDirectory: string) {
    this.system = instance.system
    this.component = instance.component
    this.#root = join(stateDirectory, `${instance.system}.${instance.component}`)
    this.#staging = new Staging(join(this.#root, 'staging'), deps, instance)
    this.#parts = this.#assemble(deps, instance)
    this.#rounds = new Rounds(this.#parts)
  }

  /** Works until aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { kept, watch, lanes, receiving } = this.#parts
    // Open to pass through: the receiver's own user must reach its spool, which only that user can enter.
    await mkdir(this.#root, { recursive: true, mode: 0o711 })
    await this.#staging.clear()
    await kept.read()
    await this.#standStillElsewhere()
    await watch
      .open()
      .then(() => reopen(this.#parts))
      .catch((error: unknown) => logProblem(this.#parts, 'spool-unread', error))
    await Promise.all([receiving.run(signal), this.#rounds.run(signal), ...lanes.map((lane) => lane.run(signal))])
  }

  /** Before anything is received: a server that comes back at a site that was left is not asked who it is. */
  async #standStillElsewhere(): Promise<void> {
    const { deps, kept } = this.#parts
    if (!deps.activity || kept.state.paused !== null) return
    if (await deps.activity.isActiveHere(this.system)) return
    await kept.change({ paused: { reason: inactiveReason, at: new Date().toISOString() } })
  }

  complain(event: string, error: unknown): void {
    logProblem(this.#parts, event, error)
  }

  // What is asked over the socket.

  /** @throws MusterError Timeout naming what is still missing; InvalidInput for a store it does not ship to */
  flush(request: FlushRequest): Promise<FlushAnswer> {
    return flush(this.#parts, this.#rounds, this.#changes, request)
  }

  /** Stops receiving, for a restore; what is in the spool goes on to the stores. Idempotent. */
  async pause(reason: string): Promise<InstanceStatus> {
    await pause(this.#parts, this.#rounds, reason)
    return this.status()
  }

  /** Receives again, perhaps elsewhere and another incarnation. Idempotent. */
  async resume(request: ResumeRequest): Promise<InstanceStatus> {
    await resume(this.#parts, request)
    return this.status()
  }

  status(): InstanceStatus {
    return instanceStatus(this.#parts)
  }

  #assemble(deps: ShipperDependencies, instance: ShipperInstance): ShipperParts {
    const place = { system: instance.system, component: instance.component }
    const onChange = () => this.#changes.announce()
    const kept = new KeptState(join(this.#root, 'state.json'))
    const watch = new ServerWatch({
      openSource: () => instance.openSource(kept.state.connection),
      incarnation: () => kept.state.incarnation,
      isReceiving: () => receiving.receiver !== null,
      restartReceiver: () => receiving.restart(),
    })
    const wal = () => watch.open()
    const spools = new SpoolSet({ place, root: this.#root, workDirectory: join(this.#root, 'staging'), wal })
    const work = { place, wal: () => watch.wal, sources: () => spools.sources, staging: this.#staging, onChange }
    const lanes = instance.stores.map((store) => new StoreLane(store, deps, work))
    const required = new RequiredStores(lanes, instance.isRequiredMet, () => kept.state)
    const receiving = new Receiving({
      place,
      log: deps.log,
      state: () => kept.state,
      change: (change) => kept.change(change),
      wal,
      mayReceive: () => kept.state.paused === null && kept.state.protecting === null,
      currentIncarnation: (facts) => deps.currentIncarnation(place, facts),
      adopt: (incarnation, facts) => adopt(parts, incarnation, facts),
      currentSource: () => spools.refreshedCurrent(),
      reopen: () => reopen(parts),
      requiredLsn: () => required.awaitEnd(),
      onChange,
    })
    const parts: ShipperParts = { deps, instance, place, kept, watch, spools, lanes, required, receiving, progress: new ReceivedProgress() }
    return parts
  }
}
