/** The plan in a few lines, for the UI, notices and logs. */
import type { RestorePlan } from '../../activities/host/restore/types.ts'
import type { RecoveryTarget } from '../../domain/decision.ts'

export function describeTarget(target: RecoveryTarget): string {
  switch (target.kind) {
    case 'latest':
      return 'the newest reachable moment'
    case 'time':
      return target.time
    case 'lsn':
      return `LSN ${target.lsn}`
    case 'name':
      return `the point "${target.name}"`
    case 'backup':
      return `the end of backup ${target.backup}`
  }
}

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
