/** The plan in a few lines, for the UI, notices and logs. */
import type { RestorePlan } from '../../activities/host/restore/types.ts'
import { describeTarget } from '../../domain/decision.ts'

export function planLines(plan: RestorePlan): readonly string[] {
  const { decision, forecast } = plan
  return [
    `plan ${plan.decisionHash.slice(0, 12)} · ${decision.mode} · to ${describeTarget(decision.target)}`,
    ...decision.components.map((one) => `${one.component}: backup ${one.backup} from ${one.fromStore}, old data set aside by ${setAside(one)}`),
    `services to stop: ${decision.services.map(({ name }) => name).join(', ') || 'none'}`,
    `loss: ${forecast.loss.now}; after the tail is saved: ${forecast.loss.afterTail}`,
    `about ${forecast.durationSeconds === null ? 'unknown' : `${Math.ceil(forecast.durationSeconds)} s`} (${forecast.durationBasis})`,
    ...forecast.warnings.map((warning) => `warning: ${warning}`),
  ]
}

function setAside(one: RestorePlan['decision']['components'][number]): string {
  return one.type === 'postgresql' ? one.setAside : [...new Set(one.members.map((member) => member.setAside))].join(', ')
}
