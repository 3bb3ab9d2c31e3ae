/**
 * A round at least every `shipEverySeconds`, and at once when a segment is finished, that looks, ticks,
 * lets go of what is safe and guards the disk.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { logProblem } from './shipper-parts.ts'
import type { ShipperParts } from './shipper-parts.ts'
import { guardDisk } from './shipper-protection.ts'
import { letGo } from './shipper-release.ts'
import { rescan } from './shipper-rescan.ts'
import { killSilentReceiver } from './shipper-silence.ts'

/** How often the spool is looked at for a finished segment between two rounds. */
const lookMs = 250

export class Rounds {
  readonly #parts: ShipperParts
  #last: Promise<void> = Promise.resolve()

  constructor(parts: ShipperParts) {
    this.#parts = parts
  }

  /** Goes on until aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    let newest: string | undefined
    let lastRoundMs = 0
    while (!signal.aborted) {
      const listing = await this.#parts.spools.current?.spool.list().catch(() => null)
      const finished = listing?.finished.at(-1)
      if (finished !== newest || Date.now() - lastRoundMs >= this.#parts.instance.wal.shipEverySeconds * 1000) {
        newest = finished
        lastRoundMs = Date.now()
        await this.round()
      }
      await sleep(lookMs, undefined, { signal }).catch(() => undefined)
    }
  }

  /** One round at a time, whoever asks; never rejects. */
  round(): Promise<void> {
    this.#last = this.#last.then(() => oneRound(this.#parts)).catch((error: unknown) => logProblem(this.#parts, 'round-failed', error))
    return this.#last
  }

  /** Resolves when the rounds that were asked for so far are over; never rejects. */
  settled(): Promise<void> {
    return this.#last
  }
}

/** Each step stands alone: a tick that fails must not keep bytes from the stores, nor a gap the disk from being guarded. */
async function oneRound(parts: ShipperParts): Promise<void> {
  const { kept, watch } = parts
  const step = (work: () => Promise<void>) => work().catch((error: unknown) => logProblem(parts, 'round-step-failed', error))
  if (kept.state.paused === null) {
    await watch.observe()
    await step(() => watch.tickIfQuiet())
  }
  await step(() => rescan(parts))
  if (kept.state.paused !== null) return
  await step(() => recordGaps(parts))
  await step(() => killSilentReceiver(parts))
  await step(() => guardDisk(parts))
  await step(() => letGo(parts))
}

async function recordGaps({ deps, place, kept }: ShipperParts): Promise<void> {
  for (const gap of kept.state.pendingGaps) {
    await deps.onGap({ ...place, ...gap })
    await kept.change({ pendingGaps: kept.state.pendingGaps.filter((one) => one !== gap) })
  }
}
