/** What a plan shows of a database's newest moment is promised: with less nothing is opened, whatever became of the WAL meanwhile. */
import type { Held, RestorePlan } from '../../activities/host/restore/types.ts'
import type { RecoveryPoint } from '../../domain/forecast.ts'
import { parseLsn } from '../../domain/wal.ts'
import { fail } from '../procedure.ts'

type Promising = Pick<RestorePlan, 'decision' | 'forecast'>

/**
 * Whoever has accepted that more is lost has accepted this too.
 * @throws ApplicationFailure OutOfBounds where a copy was replayed to less, also with what was saved of the old side
 */
export function refuseLess({ decision, forecast }: Promising, held: ReadonlyMap<string, Held>): void {
  if (decision.move?.acceptLoss) return
  for (const [component, { replayedLsn, lastCommitAt }] of held) {
    const promised = promiseOf(forecast, component)
    if (!promised?.lsn || parseLsn(replayedLsn) > parseLsn(promised.lsn)) continue
    throw fail(
      'OutOfBounds',
      `${component} was replayed to ${replayedLsn} only, and ${shown(promised)}: WAL is missing or damaged${inStore(decision, component)}. ${wayOn(decision, lastCommitAt)}`,
    )
  }
}

/**
 * @param held copies that are there already: what they have may be missing in a store by now
 * @throws ApplicationFailure OutOfBounds where a plan that was made again leads less far, before anything is stopped for it
 */
export function refuseShorter({ decision, forecast }: Promising, again: Pick<RestorePlan, 'forecast'>, held: ReadonlyMap<string, Held>): void {
  for (const promised of forecast.recoveryPoint) {
    const now = promiseOf(again.forecast, promised.component)
    if (!promised.lsn || !now || held.has(promised.component) || (now.lsn && parseLsn(now.lsn) >= parseLsn(promised.lsn))) continue
    const reach = now.lsn ? `to ${now.at} (LSN ${now.lsn})` : `to the end of its backup (${now.at})`
    throw fail(
      'OutOfBounds',
      `${promised.component} now comes back ${reach} only, and ${shown(promised)}: WAL is missing${inStore(decision, promised.component)}`,
    )
  }
}

/** Planned again, the same WAL would promise the same. */
function wayOn({ move }: RestorePlan['decision'], lastCommitAt: string | null): string {
  const earlier = `come back to ${lastCommitAt === null ? 'an earlier moment' : `its last commit, ${lastCommitAt}`}: --to TIME`
  return `Another store may have it: --from STORE; or ${move ? 'accept the loss: --accept-loss' : earlier}`
}

/** Of the databases whose old side promises nothing more. */
export function withoutTail({ recoveryPoint }: RestorePlan['forecast'], held: ReadonlyMap<string, Held>): ReadonlyMap<string, Held> {
  return new Map([...held].filter(([component]) => !recoveryPoint.some((one) => one.component === component && one.tail)))
}

function promiseOf({ recoveryPoint }: RestorePlan['forecast'], component: string): RecoveryPoint | undefined {
  return recoveryPoint.find((point) => point.component === component)
}

function shown({ at, lsn }: RecoveryPoint): string {
  return `the plan shows ${at} (LSN ${lsn})`
}

function inStore({ components }: RestorePlan['decision'], component: string): string {
  const found = components.find((one) => one.component === component)
  return found ? ` in store ${found.fromStore}` : ''
}
