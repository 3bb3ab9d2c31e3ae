/**
 * Whether a system may be served at a site: judged from what stores say, one by one. A store at the site itself may hold
 * an old truth after the site was cut off, so one that stands elsewhere has to agree.
 */
import { foldRecords, outranks } from './control-state.ts'
import type { FailureType } from './failures.ts'
import type { ControlRecord, Fence } from './repository-format.ts'

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
      readonly kind: 'unknown'
      /** What stores at the site itself say; null where none does. */
      readonly standing: Standing | null
      /** Of each store that stands elsewhere. */
      readonly problems: readonly { readonly store: string; readonly type: FailureType; readonly message: string }[]
    }

/** @param home the site of the system where no record says another */
export function judgeGuard(here: string, home: string, answers: readonly StoreAnswer[]): GuardVerdict {
  const best = newestRecords(answers)
  const outside = newestRecords(answers.filter((one) => one.outside))
  const standing = best && standingOf(best, home)
  const seen = outside && standingOf(outside, home)
  if (standing && standing.site !== here) {
    return { kind: 'elsewhere', standing, fence: outside && seen && isSame(seen, standing) ? fenceOf(outside, here, seen) : null }
  }
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
