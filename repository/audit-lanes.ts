/** The stores as the writer of a site's audit chain sees them: where the chain ends in each, and which may be written on. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { MusterError } from '../domain/failures.ts'
import { auditNumbers, type OpenedAudit, readAudit } from './audit-chain.ts'
import type { NamedPlace } from './put-everywhere.ts'
import { within } from './within.ts'

export interface AuditLane {
  readonly store: Store
  /** Newest record of the site; null where there is none. */
  readonly head: OpenedAudit | null
  /** Newest records of other sites. */
  readonly others: ReadonlyMap<string, OpenedAudit>
}

export interface AuditLanes {
  /** In the order of the configuration. */
  readonly lanes: readonly AuditLane[]
  readonly out: readonly { readonly store: string; readonly problem: string }[]
}

/** @param secondsEach longest wait for one store */
export async function openLanes(places: readonly NamedPlace[], verifier: Verifier, site: string, secondsEach: number): Promise<AuditLanes> {
  const looks = await Promise.all(
    places.map(async ({ name, open }) => {
      try {
        return { lane: await within(secondsEach, async () => openLane(await open(), verifier, site), `store "${name}"`) }
      } catch (error) {
        if (!(error instanceof MusterError)) throw error
        return { out: { store: name, problem: error.message } }
      }
    }),
  )
  return { lanes: looks.flatMap(({ lane }) => lane ?? []), out: looks.flatMap(({ out }) => out ?? []) }
}

async function openLane(store: Store, verifier: Verifier, site: string): Promise<AuditLane> {
  const heads = new Map<string, OpenedAudit>()
  for (const [name, numbers] of await auditNumbers(store)) {
    const newest = numbers.at(-1)
    if (newest !== undefined) heads.set(name, await readAudit(store, verifier, name, newest))
  }
  const head = heads.get(site) ?? null
  heads.delete(site)
  return { store, head, others: heads }
}

/** The lane whose chain goes furthest; of equally long ones one that can be believed, then the first. */
export function furthest(lanes: readonly AuditLane[]): AuditLane | null {
  const rank = ({ head }: AuditLane) => (head === null ? 0 : head.sequence * 2 + (head.record ? 1 : 0))
  return lanes.reduce<AuditLane | null>((best, one) => (best === null || rank(one) > rank(best) ? one : best), null)
}

/** Whether what a lane has is the beginning of what the furthest has. */
export async function leadsTo({ head }: AuditLane, best: AuditLane, verifier: Verifier, site: string): Promise<boolean> {
  if (head === null) return true
  if (best.head === null) return false
  const there = head.sequence === best.head.sequence ? best.head : await readAudit(best.store, verifier, site, head.sequence)
  return there.sha256 === head.sha256
}
