/**
 * A system is archived where it is active, and nowhere else: the shipper of a site that was left stands still, so that a
 * server that comes back there neither registers a life of its own nor ships what nobody may use.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { InstanceShipper } from './wal-shipper-instance.ts'

export const inactiveReason = 'the system is active at another site'

export interface ActivityWatch {
  /** Whether a system is active at this site: as the stores said last, at home where they never did. */
  readonly isActiveHere: (system: string) => Promise<boolean>
  readonly everySeconds: number
}

/** Looks until aborted; never rejects. */
export async function watchActivity(watch: ActivityWatch, shippers: readonly InstanceShipper[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // Each shipper looked when it began.
    await sleep(watch.everySeconds * 1000, undefined, { signal }).catch(() => undefined)
    for (const shipper of shippers) {
      try {
        const active = await watch.isActiveHere(shipper.system)
        if (signal.aborted) return
        await follow(shipper, active)
      } catch (error) {
        shipper.complain('activity-unknown', error)
      }
    }
  }
}

/** A pause that a restore asked for is not touched. */
async function follow(shipper: InstanceShipper, active: boolean): Promise<void> {
  const { state, problem } = shipper.status()
  if (!active && state !== 'paused') await shipper.pause(inactiveReason)
  if (active && state === 'paused' && problem === inactiveReason) await shipper.resume({ system: shipper.system, component: shipper.component })
}
