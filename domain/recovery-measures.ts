/** What earlier runs measured of the parts of a recovery, and what is assumed where none did. */
import type { BytesInTime, ComponentTook } from './evidence.ts'
import { isMove, isPlanned } from './move.ts'
import type { PastRun, PlannedRecovery, RecoveryAmount } from './recovery-pace.ts'
import { componentSeconds, kindOfRun, timeOfRun, usableMeasure } from './run-time.ts'

/** Of the newest runs that fit best, so many are counted. */
const countedRuns = 5
/** Fetching, decrypting and writing on ordinary disks; used until it was measured. */
export const assumedBytesPerSecond = 60e6
/** Replay is the work of one process. */
export const assumedReplayBytesPerSecond = 30e6
/** A time for less than this is that of starting programs, and says nothing of a speed. */
export const smallBytes = 64 * 1024 * 1024

/** Seconds, the runs they come from (none: assumed), and what a person should know of that. */
export interface Part {
  readonly seconds: number
  readonly runs: readonly PastRun[]
  readonly notes: readonly string[]
}

export function restoringMeasured(amount: RecoveryAmount, runs: readonly PastRun[]): Part {
  const { component, host, fromStore, dataBytes, walBytes } = amount
  if (dataBytes === 0 && walBytes === 0) return { seconds: 0, runs: [], notes: [] }
  const samples = runs.flatMap((run) => sampleOf(run, component))
  const { fitting, exact } = preferred(
    samples,
    (one) => one.host === host && one.store === fromStore,
    (one) => one.host === host,
    (one) => one.store === fromStore,
  )
  const [first] = fitting
  if (!first) {
    const seconds = dataBytes / assumedBytesPerSecond + walBytes / assumedReplayBytesPerSecond
    return { seconds, runs: [], notes: [`${component} assumed`] }
  }
  const of = (pick: (took: ComponentTook) => BytesInTime | undefined) => fitting.flatMap(({ took }) => usableMeasure(pick(took)) ?? [])
  const data = moving(
    dataBytes,
    of(({ restored }) => restored),
    assumedBytesPerSecond,
  )
  const fetched = moving(
    walBytes,
    of(({ walFetched }) => walFetched),
    assumedBytesPerSecond,
  )
  const replayed = moving(
    walBytes,
    of(({ walReplayed }) => walReplayed),
    assumedReplayBytesPerSecond,
  )
  return {
    seconds: Math.max(data.seconds, fetched.seconds) + replayed.seconds,
    runs: fitting.map(({ run }) => run),
    notes: [
      ...(exact ? [] : [`${component} as on ${first.host} from ${first.store}`]),
      ...(data.mostlyAssumed ? [`size of ${component} assumed`] : []),
      ...(replayed.mostlyAssumed ? [`WAL of ${component} assumed`] : []),
    ],
  }
}

/** Large amounts give a speed. Small ones give a time, to which what is more than they were is added at the assumed speed. */
function moving(bytes: number, measures: readonly BytesInTime[], assumed: number): { readonly seconds: number; readonly mostlyAssumed: boolean } {
  const sum = (all: readonly BytesInTime[], of: (one: BytesInTime) => number) => all.reduce((total, one) => total + of(one), 0)
  const large = measures.filter((one) => one.bytes >= smallBytes)
  if (large.length > 0) return { seconds: bytes / (sum(large, (one) => one.bytes) / sum(large, (one) => one.seconds)), mostlyAssumed: false }
  if (measures.length === 0) return { seconds: bytes / assumed, mostlyAssumed: bytes > smallBytes }
  const more = Math.max(0, bytes - sum(measures, (one) => one.bytes) / measures.length)
  return { seconds: sum(measures, (one) => one.seconds) / measures.length + more / assumed, mostlyAssumed: more > smallBytes }
}

interface Sample {
  readonly run: PastRun
  readonly host: string
  readonly store: string
  readonly took: ComponentTook
}

function sampleOf(run: PastRun, component: string): readonly Sample[] {
  const found = run.recovered.find((one) => one.component === component)
  if (!found?.took || usableMeasure(found.took.restored) === null) return []
  return [{ run, host: hostOf(run, component), store: found.fromStore, took: found.took }]
}

function hostOf({ targets }: PastRun, component: string): string {
  return targets.find((one) => one.component === component)?.host ?? ''
}

/** The newest of those that fit best: of the first test that any passes, else of all. */
function preferred<T>(all: readonly T[], ...tests: readonly ((one: T) => boolean)[]): { readonly fitting: readonly T[]; readonly exact: boolean } {
  for (const [index, test] of tests.entries()) {
    const fitting = all.filter(test).slice(0, countedRuns)
    if (fitting.length > 0) return { fitting, exact: index === 0 }
  }
  return { fitting: all.slice(0, countedRuns), exact: false }
}

export function closingMeasured({ kind, amounts }: PlannedRecovery, runs: readonly PastRun[]): Part {
  const components = named(amounts.map(({ component }) => component))
  const places = named(amounts.map(({ component, host }) => `${component}@${host}`))
  const samples = runs.filter((run) => kindOfRun(run.procedure, run.kind) === kind && run.steps.length > 0 && measured(run))
  const { fitting } = preferred(
    samples,
    ({ targets }) => named(targets.map(({ component, host }) => `${component}@${host}`)) === places,
    ({ targets }) => named(targets.map(({ component }) => component)) === components,
  )
  if (fitting.length > 0) return { seconds: mean(fitting.map(closingSeconds)), runs: fitting, notes: [] }
  const copied = amounts.reduce((sum, { copiedBytes }) => sum + copiedBytes, 0)
  return { seconds: 5 + 3 * amounts.length + copied / assumedBytesPerSecond, runs: [], notes: ['the steps after restoring assumed'] }
}

/** Older records have steps too, but do not say how long in them a person was waited for. */
function measured({ recovered, kind }: PastRun): boolean {
  return kind === 'back' || recovered.some(({ took }) => took !== undefined)
}

/** With what lies between the activities of restoring, so that the same run again is forecast as what it took. */
function closingSeconds(run: PastRun): number {
  const time = timeOfRun(run)
  const moved = Math.max(0, ...run.recovered.map(({ took }) => (took ? componentSeconds(took) : 0)))
  return time.closingSeconds + Math.max(0, time.preparingSeconds - moved)
}

export function besideMeasured({ kind, procedure, amounts }: PlannedRecovery, runs: readonly PastRun[]): Part {
  if (kind !== 'move' || procedure === null) return { seconds: 0, runs: [], notes: [] }
  // A planned move backs trees up meanwhile, a failover does not.
  const alike = runs.filter((run) => isMove(run.procedure) && isPlanned(run.procedure) === isPlanned(procedure) && measured(run))
  const { fitting } = preferred(alike, (run) => run.procedure === procedure)
  if (fitting.length > 0) return { seconds: mean(fitting.map((run) => timeOfRun(run).besideSeconds)), runs: fitting, notes: [] }
  // Written once, read once.
  const bytes = 2 * amounts.reduce((sum, { atRest, dataBytes }) => sum + (atRest ? dataBytes : 0), 0)
  return { seconds: 5 + bytes / assumedBytesPerSecond, runs: [], notes: ['stopping the old side assumed'] }
}

function named(texts: readonly string[]): string {
  return [...texts].sort().join(' ')
}

function mean(all: readonly number[]): number {
  return all.reduce((sum, one) => sum + one, 0) / all.length
}
