/** Takes the forecast of a plan, stores it whole, and gives what the plan carries of it. */
import type { Config } from '../../../domain/config.ts'
import type { ControlState } from '../../../domain/control-state.ts'
import type { RestoreDecision } from '../../../domain/decision.ts'
import { isMove, madeAfterStop } from '../../../domain/move.ts'
import { durationBasis, expectDuration } from '../../../domain/recovery-pace.ts'
import { type ForecastFigures, type ForecastLoss, type ForecastReference, type RestoreForecast, type ShownForecast, shownOf } from '../../../domain/forecast.ts'
import { type StoredForecast, storeForecast } from '../../../repository/forecasts.ts'
import type { NewestEvidence } from '../../../repository/newest-evidence.ts'
import type { Agent } from '../../agent.ts'
import { earlierRuns } from './earlier-runs.ts'
import type { ComponentPlan } from './plan-restore.ts'
import { lookAtStores, pauseWarnings, storeSeconds, type StoresSeen } from './stores-out.ts'
import type { PlanRestoreInput } from './types.ts'

export interface Planned {
  readonly mode: RestoreDecision['mode']
  readonly input: PlanRestoreInput
  readonly plans: readonly ComponentPlan[]
  readonly state: ControlState
  readonly configHash: string
  readonly decisionHash: string
  /** What has to be accepted, in words. */
  readonly beyond: string | null
}

/** Never fails for a store: where none takes the forecast, the plan says so and goes on. */
export async function takeForecast(agent: Agent, config: Config, planned: Planned): Promise<ShownForecast> {
  const { input, plans, configHash, decisionHash } = planned
  const names = Object.keys(config.stores).filter((store) =>
    plans.some(({ decision: { component } }) => config.systems[input.system]?.components[component]?.stores.includes(store)),
  )
  const [seen, earlier] = await Promise.all([lookAtStores(agent, config, names), earlierRuns(agent, config, input, names)])
  const forecast: RestoreForecast = {
    format: 'muster-forecast-1',
    organisation: config.organisation,
    system: input.system,
    configHash,
    decision: decisionHash,
    takenAt: agent.now().toISOString(),
    takenBy: agent.host,
    ...figures(config, planned, seen),
    ...durationOf(planned, earlier),
  }
  // A drill leaves the repository as it found it, but for its evidence.
  const keeps = input.procedure === 'drill' ? [] : names
  const places = keeps.filter((name) => !seen.storesOut.some(({ store }) => store === name)).map((name) => ({ name, open: () => agent.store(config, name) }))
  const { failed, ...reference } = await storeForecast(places, () => agent.signer(), forecast, storeSeconds)
  return shownOf(forecast, reference, notStored(reference, failed, seen))
}

function notStored({ stores }: ForecastReference, failed: StoredForecast['failed'], { storesOut }: StoresSeen): readonly string[] {
  const told = (all: readonly { readonly store: string; readonly problem: string }[]) => all.map(({ store, problem }) => `${store}: ${problem}`)
  if (stores.length > 0) return told(failed).map((one) => `the forecast could not be stored in ${one}`)
  return [`the forecast is in no store, only in the history of this run: ${told([...failed, ...storesOut]).join('; ')}`]
}

type Duration = 'durationSeconds' | 'durationBasis' | 'durationFrom'

function figures(config: Config, { input, plans, state, beyond }: Planned, seen: StoresSeen): Omit<ForecastFigures, Duration> {
  const outdated = state.gaps.length > 0 ? [`${state.gaps.length} gap(s) of WAL are recorded; windows do not cross them`] : []
  const databases = plans.filter(({ decision }) => decision.type === 'postgresql')
  const protectedAgain = input.into ? [] : databases.map(({ decision }) => decision.component)
  return {
    recoveryPoint: plans.map(({ point }) => point),
    newestReachableAt: databases[0]?.newestReachableAt ?? null,
    loss: lossOfAll(plans),
    tailSources: plans.flatMap(({ tailSources }) => tailSources),
    space: plans.flatMap(({ space }) => space),
    storesOut: seen.storesOut,
    ...(beyond !== null && { beyond }),
    warnings: [
      ...(beyond === null ? [] : [`has to be accepted (--accept-loss): ${beyond}`]),
      ...pauseWarnings(config, input.system, protectedAgain, seen, input.openWith),
      ...plans.flatMap(({ warnings }) => warnings),
      ...outdated,
      ...(input.openWith.length > 0 ? [`will open even if ${input.openWith.join(', ')} cannot be reached`] : []),
    ],
  }
}

function durationOf({ input, mode, plans }: Planned, { evidence, unread }: NewestEvidence): Pick<ForecastFigures, Duration> {
  const amounts = plans.map(({ decision: { component, host, fromStore, backup }, amount }) => ({
    component,
    host,
    fromStore,
    ...amount,
    atRest: backup === madeAfterStop,
  }))
  const kind = input.procedure === 'drill' ? 'drill' : mode
  const expected = expectDuration({ kind, procedure: isMove(input.procedure) ? input.procedure : null, amounts }, evidence)
  const { seconds, ...durationFrom } = expected
  return { durationSeconds: seconds, durationBasis: durationBasis(expected, { records: evidence.length, unread }), durationFrom }
}

/** Words of every component; seconds of the one that loses most, null as soon as one of them is not known. */
function lossOfAll(plans: readonly ComponentPlan[]): ForecastLoss {
  const words = (of: (plan: ComponentPlan) => string) => plans.map(of).filter(Boolean).join('; ') || 'none known'
  const longest = (all: readonly (number | null)[]) => (all.some((one) => one === null) ? null : Math.max(0, ...(all as readonly number[])))
  return {
    now: words(({ loss }) => loss.now),
    afterTail: words(({ loss }) => loss.afterTail),
    nowSeconds: longest(plans.map(({ loss }) => loss.nowSeconds)),
    afterTailSeconds: longest(plans.map(({ loss }) => loss.afterTailSeconds)),
  }
}
