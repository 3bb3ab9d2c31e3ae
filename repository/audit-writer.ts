/**
 * The writer of a site's audit chain. It looks where the chain ends in each store, gives stores that were out what they
 * lack, notes what is not as it left it, and appends: first in the store where the compare-and-set is decided, then in
 * the others. A store that fails is left behind, and caught up by the next writer.
 */
import type { Signer, Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { type AuditHead, type AuditRecord, keepUntil } from '../domain/audit.ts'
import { MusterError } from '../domain/failures.ts'
import { auditKey } from '../domain/object-keys.ts'
import { type OpenedAudit, previousOf } from './audit-chain.ts'
import { catchUpAudit } from './audit-catch-up.ts'
import { type AuditLane, type AuditLanes, furthest, leadsTo, openLanes } from './audit-lanes.ts'
import { type AuditPin, readPin, writePin } from './audit-pin.ts'
import type { CopyOptions } from './copy-between.ts'
import type { NamedPlace } from './put-everywhere.ts'
import { sha256Hex, signDocument, splitDocument } from './signed-document.ts'

export interface AuditWriterDeps {
  readonly places: readonly NamedPlace[]
  readonly signer: Signer
  readonly verifier: Verifier
  readonly organisation: string
  readonly site: string
  /** Host that writes. */
  readonly by: string
  readonly pinFile: string
  readonly now: () => Date
  /** Longest wait for one store's answer. */
  readonly secondsEach: number
}

export interface AuditWriter {
  /** Newest record there is; null before the first. */
  readonly head: Pick<OpenedAudit, 'sequence' | 'sha256' | 'record'> | null
  /** Newest records of other sites' chains. */
  readonly others: ReadonlyMap<string, OpenedAudit>
  /** Stores that are written to, in order. */
  readonly stores: () => readonly Store[]
  /** What is not as this host left it. */
  readonly remarks: readonly string[]
  /** Stores that are left behind, and why. */
  readonly behind: () => readonly { readonly store: string; readonly problem: string }[]
  /** Does something in each store; one that fails is left behind. @throws MusterError when none is left */
  each(work: (store: Store) => Promise<void>): Promise<void>
  /** @throws MusterError RecordConflict when another writer was faster */
  append(parts: Pick<AuditRecord, 'closedUntil' | 'runs' | 'routine' | 'remarks'>): Promise<AuditHead>
}

/** @throws MusterError Unreachable when no store answers; PreconditionFailed when the one that has the newest record does not */
export async function openAuditWriter(deps: AuditWriterDeps, options: CopyOptions): Promise<AuditWriter> {
  const { site, verifier } = deps
  const { lanes, out } = await openLanes(deps.places, verifier, site, deps.secondsEach)
  const best = furthest(lanes)
  if (!best) throw new MusterError('Unreachable', `no store answers: ${out.map(({ store, problem }) => `${store}: ${problem}`).join('; ')}`)
  const pin = await readPin(deps.pinFile)
  const remarks = whatChanged(site, lanes, best, pin, out)
  const behind = [...out]
  let stores = await writable(deps, lanes, best, behind, options)
  // What this host wrote is what the next record follows, whatever became of it in the stores.
  let head: AuditWriter['head'] = best.head && pin?.sequence === best.head.sequence ? { ...best.head, sha256: pin.sha256 } : best.head
  const others = newestOf(lanes)
  const leave = (store: Store, error: unknown) => {
    if (!(error instanceof MusterError)) throw error
    behind.push({ store: store.name, problem: error.message })
    stores = stores.filter((one) => one !== store)
    if (stores.length === 0) throw error
  }
  const writer: AuditWriter = {
    get head() {
      return head
    },
    others,
    stores: () => stores,
    remarks,
    behind: () => behind,
    async each(work) {
      const ends = await Promise.allSettled(stores.map(work))
      const failed = stores.flatMap((store, index) => {
        const end = ends[index]
        return end?.status === 'rejected' ? [{ store, error: end.reason as unknown }] : []
      })
      for (const { store, error } of failed) leave(store, error)
    },
    async append(parts) {
      const at = deps.now().toISOString()
      const sequence = (head?.sequence ?? 0) + 1
      const record: AuditRecord = {
        format: 'muster-audit-1',
        organisation: deps.organisation,
        site,
        sequence,
        previous: previousOf(head),
        at,
        by: deps.by,
        heads: [...others].map(([name, { sequence: newest, sha256 }]) => ({ site: name, sequence: newest, sha256 })),
        keepUntil: keepUntil(at),
        ...parts,
      }
      const bytes = signDocument(deps.signer, 'audit', record)
      const sha256 = sha256Hex(splitDocument(bytes, site).text)
      const [first] = stores
      if (first && (await first.putBytes(auditKey(site, sequence), bytes)) === 'exists') {
        throw new MusterError('RecordConflict', `record ${sequence} of the audit chain of site "${site}" was written by another`)
      }
      await writer.each(async (store) => {
        if (store !== first) await store.putBytes(auditKey(site, sequence), bytes)
      })
      head = { sequence, sha256, record }
      const had = Object.fromEntries(lanes.map((lane) => [lane.store.name, lane.head?.sequence ?? 0]))
      await writePin(deps.pinFile, { site, sequence, sha256, stores: { ...had, ...Object.fromEntries(stores.map(({ name }) => [name, sequence])) } })
      return { site, sequence, sha256 }
    },
  }
  return writer
}

/** What differs from what this host wrote last. @throws MusterError PreconditionFailed where a store that is out may have it */
function whatChanged(site: string, lanes: readonly AuditLane[], { head }: AuditLane, pin: AuditPin | null, out: AuditLanes['out']): string[] {
  const remarks: string[] = []
  const newest = head?.sequence ?? 0
  if (head?.problem) remarks.push(`record ${newest} cannot be believed: ${head.problem}`)
  if (!pin) return remarks
  if (pin.sequence > newest) {
    if (out.length > 0) {
      throw new MusterError('PreconditionFailed', `record ${pin.sequence} of the audit chain of site "${site}" is in no store that answers`, {
        hint: `mend ${out.map(({ store }) => store).join(', ')}, or take it out of the configuration if it is lost`,
      })
    }
    remarks.push(`the chain was cut: record ${pin.sequence} (${pin.sha256}), which this host had seen, is in no store any more; the newest was ${newest}`)
  }
  if (pin.sequence === newest && head && pin.sha256 !== head.sha256) remarks.push(`record ${newest} was replaced: this host had seen ${pin.sha256}`)
  for (const lane of lanes) {
    const had = pin.stores[lane.store.name] ?? 0
    const has = lane.head?.sequence ?? 0
    if (has < had && has < newest) remarks.push(`store "${lane.store.name}" had lost its records ${has + 1} to ${had}; they were put back from another store`)
  }
  return remarks
}

/** Stores whose chain is the beginning of the furthest one, brought up to it. */
async function writable(
  { site, verifier }: AuditWriterDeps,
  lanes: readonly AuditLane[],
  best: AuditLane,
  behind: { store: string; problem: string }[],
  options: CopyOptions,
): Promise<readonly Store[]> {
  const from = [best, ...lanes.filter((lane) => lane !== best)].map(({ store }) => store)
  const untilSequence = best.head?.sequence ?? 0
  const stores: Store[] = []
  for (const lane of lanes) {
    const { store, head } = lane
    try {
      if (lane !== best && !(await leadsTo(lane, best, verifier, site))) {
        const hint = `remove ${auditKey(site, head?.sequence ?? 1)} there and what follows it: the right records are put back`
        throw new MusterError('RecordConflict', `its audit chain is another one from record ${head?.sequence} on, or before; ${hint}`)
      }
      await catchUpAudit({ site, verifier, from, to: store, afterSequence: head?.sequence ?? 0, untilSequence }, options)
      stores.push(store)
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      behind.push({ store: store.name, problem: error.message })
    }
  }
  return stores
}

function newestOf(lanes: readonly AuditLane[]): ReadonlyMap<string, OpenedAudit> {
  const newest = new Map<string, OpenedAudit>()
  for (const { others } of lanes) {
    for (const [site, head] of others) if (head.record && head.sequence > (newest.get(site)?.sequence ?? 0)) newest.set(site, head)
  }
  return newest
}
