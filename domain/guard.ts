/**
 * Whether a system may be served at a site: judged from what stores say, one by one. A store at the site itself may hold
 * an old truth after the site was cut off, so one that stands elsewhere has to agree.
 */
import { foldRecords, outranks } from './control-state.ts'
import type { FailureType } from './failures.ts'
import type { ControlRecord, Fence, Suspicion } from './repository-format.ts'

/** What one store said. */
export interface StoreAnswer {
  readonly store: string
  /** It stands at another site than the one that asks. */
  readonly outside: boolean
  /** The whole proven chain; null where there was no answer, or none that can be believed. */
  readonly records: readonly ControlRecord[] | null
  readonly problem: { readonly type: FailureType; readonly message: string } | null
}

/** Where a system is, as a chain says. */
export interface Standing {
  readonly site: string
  readonly controlIncarnation: number
  /** ISO-8601 UTC; null where nothing ever said so, and it is at home. */
  readonly since: string | null
  /** The run that moved it; null where none did. */
  readonly run: string | null
}

export type GuardVerdict =
  | { readonly kind: 'active'; readonly standing: Standing }
  | {
      readonly kind: 'elsewhere'
      readonly standing: Standing
      /** The fence of this site, when a store that stands elsewhere has it: only then something that serves here is stopped. */
      readonly fence: Fence | null
    }
  | {
      /** It is active at this site, but this host is under suspicion: it may not be served here before it has moved away. */
      readonly kind: 'isolated'
      readonly standing: Standing
      readonly suspicion: Suspicion
      /** As of a move, when a store that stands elsewhere says so too. */
      readonly fence: Fence | null
    }
  | {
      readonly kind: 'unknown'
      /** What stores at the site itself say; null where none does. */
      readonly standing: Standing | null
      /** Of each store that stands elsewhere. */
      readonly problems: readonly { readonly store: string; readonly type: FailureType; readonly message: string }[]
    }

/**
 * @param home the site of the system where no record says another
 * @param host the one that asks
 */
export function judgeGuard(here: string, home: string, answers: readonly StoreAnswer[], host = ''): GuardVerdict {
  const best = newestRecords(answers)
  const outside = newestRecords(answers.filter((one) => one.outside))
  const standing = best && standingOf(best, home)
  const seen = outside && standingOf(outside, home)
  if (standing && standing.site !== here) {
    return { kind: 'elsewhere', standing, fence: outside && seen && isSame(seen, standing) ? fenceOf(outside, here, seen) : null }
  }
  const suspicion = best && suspicionOf(best, host, here)
  if (standing && suspicion)
    return { kind: 'isolated', standing, suspicion, fence: outside && suspicionOf(outside, host, here) ? isolationOf(suspicion, here) : null }
  if (standing && seen && isSame(seen, standing)) return { kind: 'active', standing }
  return { kind: 'unknown', standing, problems: answers.filter((one) => one.outside).map((one) => problemOf(one, standing, home)) }
}

/** The chain that counts among those that say anything: each system has a record since it was first applied. */
export function newestRecords(answers: readonly StoreAnswer[]): readonly ControlRecord[] | null {
  let best: readonly ControlRecord[] | null = null
  for (const { records } of answers) if (records && records.length > 0 && (!best || outranks(records, best))) best = records
  return best
}

function standingOf(records: readonly ControlRecord[], home: string): Standing {
  const last = records.filter(({ body }) => body.kind === 'site').at(-1)
  if (last?.body.kind !== 'site') return { site: home, controlIncarnation: 0, since: null, run: null }
  const { site, controlIncarnation, run } = last.body
  return { site, controlIncarnation, since: last.at, run: run ?? null }
}

function isSame(one: Standing, other: Standing): boolean {
  return one.site === other.site && one.controlIncarnation === other.controlIncarnation
}

/** The one that the move which holds wrote; a move that was taken back has none. */
function fenceOf(records: readonly ControlRecord[], here: string, { run }: Standing): Fence | null {
  return foldRecords(records).fences.findLast((fence) => fence.site === here && fence.run === run) ?? null
}

/** The newest that names this host, as long as the system has not been away since. */
function suspicionOf(records: readonly ControlRecord[], host: string, here: string): Suspicion | null {
  const found = foldRecords(records).suspicions.findLast(({ hosts, until }) => until === undefined && hosts.includes(host))
  if (!found) return null
  const since = records.slice(records.findIndex((record) => isNoteOf(record, found)))
  return hasReturned(since, here) ? null : found
}

/** Whether another run brought the system back than the one that had moved it: a move that was taken back was none. */
function hasReturned(records: readonly ControlRecord[], here: string): boolean {
  let left: string | null = null
  for (const { body } of records) {
    if (body.kind !== 'site') continue
    const run = body.run ?? ''
    if (body.site === here && left !== null && left !== run) return true
    left = body.site === here ? null : run
  }
  return false
}

function isNoteOf({ body }: ControlRecord, { run }: Suspicion): boolean {
  return body.kind === 'suspicion' && body.run === run
}

function isolationOf({ run, since, notedAt }: Suspicion, site: string): Fence {
  return { run, site, proof: { by: 'people', detail: `under suspicion since ${since}`, at: notedAt }, lives: [] }
}

function problemOf({ store, records, problem }: StoreAnswer, standing: Standing | null, home: string) {
  if (problem) return { store, ...problem }
  if (!records || records.length === 0) return { store, type: 'ObjectMissing' as const, message: `store "${store}" holds no record of this system` }
  const { site, controlIncarnation } = standingOf(records, home)
  return {
    store,
    type: 'NotReadyYet' as const,
    message: `store "${store}" is behind: it says site "${site}" by move ${controlIncarnation}, and move ${standing?.controlIncarnation ?? 0} is known here`,
  }
}
