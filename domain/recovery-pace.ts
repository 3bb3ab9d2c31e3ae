/**
 * How long a recovery will take, from what earlier ones of the same system took: how fast its data was fetched and unpacked
 * and its WAL replayed, and how long the steps after that were. What was never measured is assumed, and named.
 */
import type { Evidence } from './evidence.ts'
import type { MoveProcedure } from './move.ts'
import { besideMeasured, closingMeasured, restoringMeasured } from './recovery-measures.ts'
import type { RecoveryKind } from './run-time.ts'

const shownNotes = 6

/** What bringing one component back has to move. */
export interface RecoveryAmount {
  readonly component: string
  readonly host: string
  readonly fromStore: string
  readonly dataBytes: number
  /** From the base backup's start to the target; 0 of a tree. */
  readonly walBytes: number
  /** What is set aside by copying instead of renaming. */
  readonly copiedBytes: number
  /** In a planned move, trees: backed up and restored while the old side is stopped. */
  readonly atRest: boolean
}

export interface PlannedRecovery {
  readonly kind: RecoveryKind
  /** Only of a move. */
  readonly procedure: MoveProcedure | null
  readonly amounts: readonly RecoveryAmount[]
}

export type PastRun = Pick<Evidence, 'procedure' | 'kind' | 'run' | 'outcome' | 'times' | 'targets' | 'recovered' | 'steps' | 'move'>

/** Figures only: they stand in histories. */
export interface ExpectedDuration {
  readonly seconds: number
  readonly preparingSeconds: number
  readonly closingSeconds: number
  /** Earlier runs it comes from; 0 where all of it is assumed. */
  readonly runs: number
  /** When the newest of them was declared. */
  readonly newestAt: string | null
  /** What was not measured, or elsewhere, for a person. */
  readonly notes: readonly string[]
}

/** Pure: the same runs in any order give the same. A run that did not bring everything back measures nothing. */
export function expectDuration(planned: PlannedRecovery, earlier: readonly PastRun[]): ExpectedDuration {
  const runs = earlier.filter(({ outcome }) => outcome === 'succeeded' || outcome === 'degraded').sort(newestFirst)
  const parts = planned.amounts.filter(({ atRest }) => !atRest).map((amount) => restoringMeasured(amount, runs))
  const closing = closingMeasured(planned, runs)
  const beside = besideMeasured(planned, runs)
  // What was measured beside each other is; what is assumed shares the disks.
  const assumed = parts.filter(({ runs }) => runs.length === 0).reduce((sum, { seconds }) => sum + seconds, 0)
  const preparingSeconds = Math.max(assumed, beside.seconds, ...parts.map(({ seconds }) => seconds))
  const all = [...parts, beside, closing]
  const used = new Map(all.flatMap(({ runs }) => runs.map((one) => [one.run.runId, one.times.declaredAt] as const)))
  const declared = [...used.values()].sort()
  return {
    seconds: tenths(preparingSeconds + closing.seconds),
    preparingSeconds: tenths(preparingSeconds),
    closingSeconds: tenths(closing.seconds),
    runs: used.size,
    newestAt: declared.at(-1) ?? null,
    notes: someOf(all.flatMap(({ notes }) => notes)),
  }
}

/** They stand in histories: fifty components are not told one by one. */
function someOf(notes: readonly string[]): readonly string[] {
  const different = [...new Set(notes)]
  return different.length <= shownNotes ? different : [...different.slice(0, shownNotes - 1), 'more assumed']
}

/** Of components that are planned one by one and restored beside each other. */
export function besideEachOther(all: readonly ExpectedDuration[]): ExpectedDuration {
  const most = (of: (one: ExpectedDuration) => number) => Math.max(0, ...all.map(of))
  const [preparingSeconds, closingSeconds] = [most((one) => one.preparingSeconds), most((one) => one.closingSeconds)]
  const newestAt =
    all
      .flatMap((one) => one.newestAt ?? [])
      .sort()
      .at(-1) ?? null
  const notes = someOf(all.flatMap((one) => one.notes))
  return { seconds: tenths(preparingSeconds + closingSeconds), preparingSeconds, closingSeconds, runs: most((one) => one.runs), newestAt, notes }
}

function newestFirst(a: PastRun, b: PastRun): number {
  return a.times.declaredAt === b.times.declaredAt ? (a.run.runId < b.run.runId ? 1 : -1) : a.times.declaredAt < b.times.declaredAt ? 1 : -1
}

function tenths(seconds: number): number {
  return Math.round(seconds * 10) / 10
}

/** Why there is nothing to measure by, where there is not. */
export interface NothingMeasured {
  /** Records of earlier runs that could be read. */
  readonly records: number
  /** Stores that did not answer when they were looked for. */
  readonly unread: readonly string[]
}

/** In words: `measured in 3 runs, newest 2026-11-20`, with what was not. */
export function durationBasis({ runs, newestAt, notes }: ExpectedDuration, { records, unread }: NothingMeasured): string {
  if (runs > 0) return [`measured in ${runs} ${runs === 1 ? 'run' : 'runs'}, newest ${newestAt?.slice(0, 10)}`, ...notes].join('; ')
  if (records > 0) return 'assumed, never measured: earlier runs left no measures that fit'
  if (unread.length > 0) return `assumed: records of earlier runs could not be read from ${unread.join(', ')}`
  return 'assumed, never measured: nothing of this system was restored yet'
}
