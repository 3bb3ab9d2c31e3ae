/** Waits until the WAL up to some LSN is in the stores. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FlushAnswer, FlushRequest } from '../adapters/component/postgresql/shipper-protocol.ts'
import { MusterError } from '../domain/failures.ts'
import { formatLsn, parseLsn } from '../domain/wal.ts'
import type { Lsn } from '../domain/wal.ts'
import type { Changes } from './shipper-changes.ts'
import type { ShipperParts } from './shipper-parts.ts'
import { rescan } from './shipper-rescan.ts'
import type { Rounds } from './shipper-rounds.ts'
import { instanceStatus, problemOf } from './shipper-status.ts'

/** @throws MusterError Timeout naming what is still missing; CopiesMissing when every store has it and that is too few; InvalidInput for a store it does not ship to */
export async function flush(parts: ShipperParts, rounds: Rounds, changes: Changes, request: FlushRequest): Promise<FlushAnswer> {
  const { place, lanes, required } = parts
  const unknown = request.stores?.find((name) => !lanes.some((lane) => lane.store.name === name))
  if (unknown !== undefined) throw new MusterError('InvalidInput', `${place.system}/${place.component} is not shipped to a store named "${unknown}"`)
  const deadlineMs = Date.now() + request.timeoutSeconds * 1000
  const untilLsn = request.untilLsn === undefined ? await currentEnd(parts, request.tick !== false) : parseLsn(request.untilLsn)
  for (;;) {
    await rounds.round()
    if (required.haveUntil(untilLsn, request.stores)) break
    if (request.stores === undefined && required.allHave(untilLsn)) throw tooFew(parts, untilLsn)
    if (Date.now() >= deadlineMs) throw late(parts, untilLsn, request)
    await changes.next(Math.min(200, Math.max(1, deadlineMs - Date.now())))
  }
  const status = instanceStatus(parts)
  const times = status.stores.flatMap((store) => store.lastCommitAt ?? [])
  return {
    untilLsn: formatLsn(untilLsn),
    requiredLsn: formatLsn(required.end() ?? untilLsn),
    lastCommitAt: times.sort().at(-1) ?? null,
    stores: status.stores,
  }
}

/** Where the server stands now, after a commit of its own where one is wanted; else the end of what was received. */
async function currentEnd(parts: ShipperParts, tick: boolean): Promise<Lsn> {
  const { place, kept, watch, spools, receiving } = parts
  if (kept.state.paused === null) {
    await watch.observe()
    const ticked = tick && watch.observation !== null ? await watch.tick().catch(() => null) : null
    const lsn = ticked ?? watch.observation?.currentLsn
    if (lsn !== undefined) return lsn
  }
  // Looked at twice: the end of a file at rest is read from its records.
  for (const pauseMs of [300, 0]) {
    await rescan(parts)
    await sleep(pauseMs)
  }
  const received = spools.receivedLsn
  if (received === null)
    throw receiving.problem ?? watch.problem ?? new MusterError('NotReadyYet', `nothing was received of ${place.system}/${place.component} yet`)
  return received
}

/** Waiting helps no more: nobody is left to bring another copy. */
function tooFew({ place, lanes }: ShipperParts, untilLsn: Lsn): MusterError {
  const stores = lanes.map((lane) => `${lane.store.name} (${lane.place ?? 'place unknown'})`).join(', ')
  return new MusterError(
    'CopiesMissing',
    `every store has the WAL of ${place.system}/${place.component} up to ${formatLsn(untilLsn)}, and together they are too few copies: ${stores}`,
    { hint: 'stores on one filesystem, network mount or bucket are one copy: put one of them elsewhere, or lower copies.required' },
  )
}

function late(parts: ShipperParts, untilLsn: Lsn, request: FlushRequest): MusterError {
  const missing = instanceStatus(parts).stores.filter((store) => store.shippedLsn === null || parseLsn(store.shippedLsn) < untilLsn)
  const each = missing.map((store) => `${store.store} has up to ${store.shippedLsn ?? 'nothing'}${store.problem === null ? '' : ` (${store.problem})`}`)
  const received = parts.spools.receivedLsn
  const problem = problemOf(parts)
  const receiving =
    received !== null && received >= untilLsn
      ? ''
      : `; received up to ${received === null ? 'nothing' : formatLsn(received)}${problem === null ? '' : ` (${problem})`}`
  return new MusterError('Timeout', `WAL up to ${formatLsn(untilLsn)} is not in the stores after ${request.timeoutSeconds} s: ${each.join(', ')}${receiving}`)
}
