/** Stands still while a database is restored, and goes on with what it became. */
import type { ResumeRequest } from '../adapters/component/postgresql/shipper-protocol.ts'
import type { ShipperParts } from './shipper-parts.ts'
import { reopen, rescan } from './shipper-rescan.ts'
import type { Rounds } from './shipper-rounds.ts'

/** Stops receiving, for a restore; what is in the spool goes on to the stores. Idempotent. */
export async function pause(parts: ShipperParts, rounds: Rounds, reason: string): Promise<void> {
  await parts.kept.change({ paused: { reason, at: new Date().toISOString() } })
  await parts.receiving.restart()
  await rounds.settled()
  await rescan(parts)
}

/** Receives again, perhaps elsewhere and another incarnation. Idempotent. */
export async function resume(parts: ShipperParts, request: ResumeRequest): Promise<void> {
  const { kept, watch, spools, receiving } = parts
  await receiving.restart()
  const { newIncarnation } = request
  const before = kept.state.incarnation
  if (newIncarnation !== undefined && before !== null && before.incarnation !== newIncarnation.incarnation) await spools.setAside(before)
  const fresh = newIncarnation !== undefined && newIncarnation.incarnation !== before?.incarnation
  watch.leave()
  if (fresh) watch.forget()
  await kept.change({
    connection: request.connection ?? null,
    paused: null,
    ...(fresh ? { incarnation: newIncarnation, history: null, runStartLsn: null, requiredLsn: null, protecting: null } : {}),
  })
  await reopen(parts)
  await receiving.restart()
}
