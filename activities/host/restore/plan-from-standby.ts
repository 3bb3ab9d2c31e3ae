/** Whether the standby beside the target leads to the newest moment, so that no backup has to be restored. */
import type { PostgresqlDecision } from '../../../domain/decision.ts'
import { formatDuration } from '../../../domain/durations.ts'
import { MusterError } from '../../../domain/failures.ts'
import { type Standby, standbyStray } from '../../../domain/standby.ts'
import { secondsBetween } from '../../../domain/times.ts'
import { chooseRecovery, type RecoveryChoice } from '../../../repository/recovery-choice.ts'
import type { DatabasePlanning } from './plan-database.ts'
import { viewStore } from './repository-view.ts'

/** What of a decision is the standby's: it has its directories already. */
export type FromStandby = Pick<PostgresqlDecision, 'tablespaces' | 'youngTablespaces' | 'walInto' | 'standby'>

export interface StandbyChoice {
  readonly choice: RecoveryChoice
  readonly storeName: string
  readonly own: FromStandby
  readonly replayedLsn: string | null
}

export interface StandbyPlanning {
  readonly chosen: StandbyChoice | null
  /** Why there is none although there should be, or why it is an old one. */
  readonly notWarm: readonly string[]
}

export interface WarmPlanning extends StandbyPlanning {
  readonly chosen: StandbyChoice
}

export function isWarm(planning: StandbyPlanning): planning is WarmPlanning {
  return planning.chosen !== null
}

/** @param best what restoring a backup would lead to: a standby has to lead as far */
export async function planFromStandby(
  planning: DatabasePlanning,
  pinned: PostgresqlDecision | undefined,
  best: { readonly choice: RecoveryChoice; readonly storeName: string },
): Promise<StandbyPlanning> {
  const { input, observation, name } = planning
  const { standby } = observation
  if (pinned) {
    const replayedLsn = standby?.seed === pinned.standby?.seed ? (standby?.replayedLsn ?? null) : null
    return { chosen: pinned.standby ? { ...best, own: ownOf(pinned), replayedLsn } : null, notWarm: [] }
  }
  const isMove = input.procedure === 'failover' || input.procedure === 'switchover' || input.procedure === 'failback'
  if (!isMove || input.target.kind !== 'latest') return { chosen: null, notWarm: [] }
  if (!standby) return { chosen: null, notWarm: standsBy(planning) ? [`${name} has no standby here: it is restored from a backup`] : [] }
  const found = await wayOf(planning, standby, best)
  if (typeof found !== 'string') return { chosen: { ...found, own: ownOfStandby(standby), replayedLsn: standby.replayedLsn }, notWarm: old(planning, standby) }
  return { chosen: null, notWarm: [`the standby of ${name} is not used: ${found}`] }
}

/** Only one site keeps standbys. */
function standsBy({ agent, system: { failover } }: DatabasePlanning): boolean {
  return failover?.mode === 'warm' && failover.to === agent.site
}

const mostMissed = 10

/** One that was missed again and again still saves restoring a backup, and replays the longer. */
function old({ agent, system: { failover }, name }: DatabasePlanning, { refreshedAt }: Standby): readonly string[] {
  if (refreshedAt === null || failover?.refreshEverySeconds === undefined) return []
  const seconds = secondsBetween(refreshedAt, agent.now().toISOString())
  if (seconds <= mostMissed * Math.max(failover.refreshEverySeconds, 60)) return []
  return [`the standby of ${name} was last refreshed ${formatDuration(seconds)} ago`]
}

/** Why it cannot be used, in words, or the way from where it is. */
async function wayOf(
  planning: DatabasePlanning,
  standby: Standby,
  best: { readonly choice: RecoveryChoice; readonly storeName: string },
): Promise<{ readonly choice: RecoveryChoice; readonly storeName: string } | string> {
  const { agent, config, input, name, component, state, observation } = planning
  const known = [...standby.tablespaces, ...standby.youngTablespaces]
  const young = observation.tablespaces.find(({ oid }) => !known.some((one) => one.oid === oid))
  if (young) return `the old data has a tablespace that it does not know: ${young.path}`
  let problem = `its backup ${standby.backup} is in no store that leads as far`
  for (const storeName of new Set([best.storeName, ...(input.from === null ? component.stores : [])])) {
    try {
      const repository = await viewStore(agent, config, input.system, name, storeName, state)
      const choice = await chooseRecovery(repository, state, name, input.target, { incarnation: input.incarnation, pinnedBackup: standby.backup })
      const stray = standbyStray(standby, choice.path)
      if (stray !== null) problem = stray
      else if (choice.path.untilLsn >= best.choice.path.untilLsn) return { choice, storeName }
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      problem = error.message
    }
  }
  return problem
}

function ownOf({ tablespaces, youngTablespaces, walInto, standby }: PostgresqlDecision): FromStandby {
  return {
    tablespaces,
    ...(youngTablespaces && { youngTablespaces }),
    ...(walInto !== undefined && { walInto }),
    ...(standby && { standby }),
  }
}

function ownOfStandby({ tablespaces, youngTablespaces, walInto, seed }: Standby): FromStandby {
  return {
    tablespaces,
    ...(youngTablespaces.length > 0 && { youngTablespaces }),
    ...(walInto !== null && { walInto }),
    standby: { seed },
  }
}
