/**
 * What a plan expects of the world: re-taken at will, never hashed into the decision. The whole of
 * it lies in the stores; a plan, and with it the history, carries its key, its hash and the figures
 * that an approver is shown.
 */
import { canonicalJson } from './canonical-json.ts'
import { formatDuration } from './durations.ts'
import { besideEachOther, durationBasis, type ExpectedDuration } from './recovery-pace.ts'

/** Of 64 KiB that a payload may have, the decision takes up to 32. */
export const shownLimitBytes = 16 * 1024

export interface ForecastFigures {
  readonly recoveryPoint: readonly RecoveryPoint[]
  readonly newestReachableAt: string | null
  readonly loss: ForecastLoss
  readonly tailSources: readonly { readonly source: string; readonly found: boolean; readonly detail: string }[]
  /** Until it is open to users; what people are waited for does not count. */
  readonly durationSeconds: number | null
  readonly durationBasis: string
  /** Absent in forecasts of before durations were measured. */
  readonly durationFrom?: Omit<ExpectedDuration, 'seconds'>
  readonly space: readonly { readonly path: string; readonly neededBytes: number; readonly freeBytes: number }[]
  readonly storesOut: readonly { readonly store: string; readonly problem: string }[]
  /** More would be lost than may be without somebody who says so, in words; absent where not. */
  readonly beyond?: string
  readonly warnings: readonly string[]
}

/** Where a component comes back to. */
export interface RecoveryPoint {
  readonly component: string
  readonly at: string | null
  /** LSN of the newest commit that comes back: a copy that was replayed to less is not what was shown. Only of a database that is restored to its newest moment. */
  readonly lsn?: string
  /** Later WAL was found at the old side, and is to be saved and replayed too. */
  readonly tail?: true
  readonly skewSeconds: number | null
  readonly why: string
}

/** What will not be in the restored data, as far as known: in words, and as a time. */
export interface ForecastLoss {
  readonly now: string
  readonly afterTail: string
  /**
   * Upper bound: from the newest moment that comes back to now, of the component that loses most. Null where that
   * moment is not known. What is set aside and not destroyed counts too: it is not in service.
   */
  readonly nowSeconds: number | null
  readonly afterTailSeconds: number | null
}

/** As it is stored, signed by the key of the host that took it; docs/repository-format.md. */
export interface RestoreForecast extends ForecastFigures {
  readonly format: 'muster-forecast-1'
  readonly organisation: string
  readonly system: string
  readonly configHash: string
  /** Hash of the decision it belongs to. */
  readonly decision: string
  readonly takenAt: string
  readonly takenBy: string
}

export interface ForecastReference {
  readonly key: string
  /** Of the stored text: the first line, newline included. */
  readonly sha256: string
  /** Stores that took it; empty where none did. */
  readonly stores: readonly string[]
}

/** What a plan carries. */
export interface ShownForecast extends ForecastReference, ForecastFigures {
  readonly takenAt: string
  /** Lines of the figures' lists that are in the stored forecast only. */
  readonly omitted: number
}

type ListName = 'recoveryPoint' | 'tailSources' | 'space' | 'storesOut' | 'warnings'

/** The figures, as long as they fit; of what does not, the longest list loses its last line first. */
export function shownOf(forecast: RestoreForecast, reference: ForecastReference, warnings: readonly string[]): ShownForecast {
  const { recoveryPoint, newestReachableAt, loss, tailSources, durationSeconds, durationBasis, durationFrom, space, storesOut, beyond, takenAt } = forecast
  const lists: Record<ListName, unknown[]> = {
    recoveryPoint: [...recoveryPoint],
    tailSources: [...tailSources],
    space: [...space],
    storesOut: [...storesOut],
    warnings: [...warnings, ...forecast.warnings],
  }
  const rest = {
    newestReachableAt,
    loss: shortLoss(loss),
    durationSeconds,
    durationBasis,
    ...(durationFrom && { durationFrom }),
    ...(beyond !== undefined && { beyond }),
    takenAt,
    ...reference,
  }
  let omitted = 0
  while (canonicalJson({ ...lists, ...rest }).length > shownLimitBytes && Object.values(lists).some((list) => list.length > 0)) {
    longest(lists).pop()
    omitted += 1
  }
  return { ...rest, ...(lists as unknown as Pick<ForecastFigures, ListName>), omitted }
}

function longest(lists: Record<ListName, unknown[]>): unknown[] {
  return Object.values(lists).reduce((best, one) => (canonicalJson(one).length > canonicalJson(best).length ? one : best))
}

/** Fifty components each with a sentence are read in the stored forecast. */
function shortLoss(loss: ForecastLoss): ForecastLoss {
  const short = (text: string) => (text.length > 2000 ? `${text.slice(0, 2000)}…` : text)
  return { ...loss, now: short(loss.now), afterTail: short(loss.afterTail) }
}

/** The words of a loss with its upper bound in time; plans that were made before there was one have words only. */
export function lossText(words: string, seconds: number | null | undefined): string {
  return seconds === null || seconds === undefined ? words : `${words} (at most ${formatDuration(seconds)})`
}

type Duration = Pick<ForecastFigures, 'durationSeconds' | 'durationBasis' | 'durationFrom'>

/** Of components that are planned one by one and restored beside each other. */
export function joinedDuration(forecasts: readonly [Duration, ...Duration[]]): Duration {
  const [first, ...others] = forecasts
  const parts = forecasts.flatMap(({ durationSeconds, durationFrom }) =>
    durationSeconds !== null && durationFrom ? [{ ...durationFrom, seconds: durationSeconds }] : [],
  )
  if (others.length === 0 || parts.length < forecasts.length) return first
  const { seconds, ...durationFrom } = besideEachOther(parts)
  const basis = durationFrom.runs === 0 ? first.durationBasis : durationBasis({ ...durationFrom, seconds }, { records: 0, unread: [] })
  return { durationSeconds: seconds, durationBasis: basis, durationFrom }
}

/** `expected duration 4 min 10 s (measured in 3 runs, newest 2026-11-20)`; empty where the plan cannot tell. */
export function durationText({ durationSeconds, durationBasis }: Duration): string {
  return durationSeconds === null ? '' : `expected duration ${formatDuration(durationSeconds)} (${durationBasis})`
}
