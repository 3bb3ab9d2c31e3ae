/** The plan in a few lines, for the UI, notices and logs: the figures that the command line shows, so that all approve the same. */
import type { RestorePlan } from '../../activities/host/restore/types.ts'
import { besideTexts, describeTarget } from '../../domain/decision.ts'
import { formatDuration, formatSize } from '../../domain/durations.ts'
import { differenceText } from '../../domain/shown-difference.ts'
import { type ForecastReference, durationText, lossText } from '../../domain/forecast.ts'

export function planLines(plan: RestorePlan): readonly string[] {
  const { decision, forecast } = plan
  return [
    `plan ${plan.decisionHash.slice(0, 12)} · ${decision.mode} · to ${describeTarget(decision.target)}`,
    ...decision.components.map((one) => `${one.component}: backup ${one.backup} from ${one.fromStore}, old data set aside by ${setAside(one)}`),
    ...decision.components.flatMap((one) => besideTexts(one).map((text) => `${one.component}: ${text}`)),
    ...(plan.differences ?? []).map(differenceText),
    ...forecast.recoveryPoint.map(
      ({ component, at, skewSeconds, why }) => `${component}: comes back to ${at ?? 'an unknown moment'}${skew(skewSeconds)}, ${why}`,
    ),
    ...(forecast.newestReachableAt === null ? [] : [`newest reachable: ${forecast.newestReachableAt}`]),
    `services to stop: ${decision.services.map(({ name }) => name).join(', ') || 'none'}`,
    `loss: ${lossText(forecast.loss.now, forecast.loss.nowSeconds)}; after the tail is saved: ${lossText(forecast.loss.afterTail, forecast.loss.afterTailSeconds)}`,
    ...forecast.tailSources.map(({ source, found, detail }) => `tail: ${source} ${found ? 'found' : 'not found'}, ${detail}`),
    durationText(forecast) || 'expected duration unknown',
    ...forecast.space.map(({ path, neededBytes, freeBytes }) => `space: ${formatSize(neededBytes)} at ${path}, ${formatSize(freeBytes)} free`),
    ...forecast.storesOut.map(({ store, problem }) => `store out: ${store}, ${problem}`),
    ...forecast.warnings.map((warning) => `warning: ${warning}`),
    ...(forecast.omitted > 0 ? [`${forecast.omitted} more lines are in the stored forecast`] : []),
    ...referenceOf(forecast),
  ]
}

/** Histories of runs that were planned before forecasts were stored go on replaying. */
function referenceOf({ key, stores }: Partial<ForecastReference>): readonly string[] {
  return key === undefined ? [] : [`forecast: ${key} in ${stores?.join(', ') || 'no store'}`]
}

function skew(seconds: number | null): string {
  return seconds === null ? '' : ` (skew ${formatDuration(Math.abs(seconds))})`
}

function setAside(one: RestorePlan['decision']['components'][number]): string {
  return one.type === 'postgresql' ? one.setAside : [...new Set(one.members.map((member) => member.setAside))].join(', ')
}
