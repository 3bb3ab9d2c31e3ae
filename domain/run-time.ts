/**
 * What a recovery took, from the steps of its evidence: until the system is open to users, without what people were waited
 * for and without watching its health afterwards.
 */
import type { BytesInTime, ComponentTook, EvidencedProcedure, EvidenceMove, EvidenceStep } from './evidence.ts'
import { isMove } from './move.ts'

export interface RunTime {
  /** Restoring aside: what grows with the amount of data. */
  readonly preparingSeconds: number
  /** Of a move, what is done at the old side meanwhile. */
  readonly besideSeconds: number
  /** Everything after it, up to the opening. */
  readonly closingSeconds: number
}

const preparing = ['restore aside']
const afterOpening = ['health', 'commit']
const besideOfMoves = ['plan again', 'stop the old side', 'fence', 'final trees']

/** A restore here and one elsewhere end differently; of moves, all end alike. */
export type RecoveryKind = 'in-place' | 'elsewhere' | 'back' | 'drill' | 'move'

/** @param kind of a restore: its mode; null where the run ended before that was known */
export function kindOfRun(procedure: EvidencedProcedure, kind: string | null): RecoveryKind | null {
  if (procedure === 'drill') return 'drill'
  if (isMove(procedure)) return 'move'
  return kind === 'in-place' || kind === 'elsewhere' || kind === 'back' ? kind : null
}

export interface TimedRun {
  readonly procedure: EvidencedProcedure
  readonly steps: readonly EvidenceStep[]
  readonly move: EvidenceMove | null
}

export function timeOfRun({ procedure, steps, move }: TimedRun): RunTime {
  const beside = isMove(procedure) ? besideOfMoves : []
  const spent = (counts: (name: string) => boolean) =>
    steps.filter(({ name }) => counts(name)).reduce((sum, { seconds, waitedSeconds = 0 }) => sum + Math.max(0, seconds - waitedSeconds), 0)
  return {
    preparingSeconds: spent((name) => preparing.includes(name)),
    // How long people need to say that the old side is off is no measure of anything.
    besideSeconds: spent((name) => beside.includes(name) && !(name === 'fence' && move?.fence?.by === 'people')),
    closingSeconds: spent((name) => ![...preparing, ...afterOpening, ...beside].includes(name)),
  }
}

/** Null where nothing was timed. */
export function wholeSeconds(run: TimedRun): number | null {
  if (run.steps.length === 0) return null
  const { preparingSeconds, besideSeconds, closingSeconds } = timeOfRun(run)
  return Math.round(10 * (Math.max(preparingSeconds, besideSeconds) + closingSeconds)) / 10
}

/** Base backup and WAL are fetched beside each other, and replayed afterwards. */
export function componentSeconds({ restored, walFetched, walReplayed }: ComponentTook): number {
  return Math.max(restored.seconds, walFetched?.seconds ?? 0) + (walReplayed?.seconds ?? 0)
}

/** What a person waited for within a step is noted beside its seconds. */
export function withWaits(steps: readonly EvidenceStep[], waits: readonly { readonly startedAt: string; readonly seconds: number }[]): readonly EvidenceStep[] {
  return steps.map((step) => {
    const begin = Date.parse(step.startedAt)
    const end = begin + step.seconds * 1000
    const waited = waits.filter(({ startedAt }) => Date.parse(startedAt) >= begin && Date.parse(startedAt) <= end)
    if (waited.length === 0) return step
    return {
      ...step,
      waitedSeconds: Math.min(
        step.seconds,
        waited.reduce((sum, { seconds }) => sum + seconds, 0),
      ),
    }
  })
}

/** Null where a measure says nothing: an amount or a time that is none. */
export function usableMeasure(one: BytesInTime | undefined): BytesInTime | null {
  return one && Number.isFinite(one.bytes) && Number.isFinite(one.seconds) && one.bytes >= 0 && one.seconds > 0 ? one : null
}
