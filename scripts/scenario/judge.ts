/** Targets of the two-site scenario, each with what was measured. */
import { shipEverySeconds } from './config-text.ts'
import type { Check, RunReport } from './report.ts'

/** As often as the commands by hand would take. */
const mostRatio = 1.3
const mostWarmSeconds = 60
const mostSecondsLost = 2 * shipEverySeconds
/** Two looks of the return guard and stopping the database. */
const mostSecondsUntilStopped = 20
const mostRollbackSeconds = 10
/** Of `muster guard`: active at the other site. */
const notActiveHere = 37

export type Measured = Omit<RunReport, 'checks' | 'ok'>

export function judge(run: Measured): readonly Check[] {
  return [...judgeFailover(run), ...judgeFence(run), ...judgeReturn(run), ...judgeHome(run), ...judgeRollback(run)]
}

function judgeRollback({ rollback }: Measured): readonly Check[] {
  if (rollback === null) return []
  const { seconds, startSeconds, ordersLost } = rollback
  const measured = `${(seconds - startSeconds).toFixed(1)} s, and ${startSeconds.toFixed(1)} s for the start; ${ordersLost} orders lost`
  return [
    check(
      'back after a check that failed, without the start of the database',
      `< ${mostRollbackSeconds} s`,
      measured,
      seconds - startSeconds < mostRollbackSeconds && ordersLost === 0,
    ),
  ]
}

function judgeFailover({ mode, approvalToDnsSeconds, restoreRatioToBare: ratio, secondsLost, markersLost, markersBeforeCut }: Measured): readonly Check[] {
  const fromStandby = check(
    'approval to the new DNS answer',
    `≤ ${mostWarmSeconds} s`,
    `${approvalToDnsSeconds.toFixed(1)} s`,
    approvalToDnsSeconds <= mostWarmSeconds,
  )
  const fromBackup = check('approval to the new DNS answer, against the commands by hand', `≤ ${mostRatio} ×`, `${ratio.toFixed(2)} ×`, ratio <= mostRatio)
  return [
    mode === 'warm' ? fromStandby : fromBackup,
    check(
      'lost of what was acknowledged before the cut',
      `≤ ${mostSecondsLost} s`,
      `${secondsLost.toFixed(1)} s, ${markersLost} of ${markersBeforeCut} markers`,
      markersBeforeCut > 0 && secondsLost <= mostSecondsLost,
    ),
  ]
}

function judgeFence({ primary, fence, fencedSideCommits, afterReturn }: Measured): readonly Check[] {
  // Without any there would be nothing that could be used wrongly.
  const wentOn = check(
    'the side that was cut off went on committing',
    '> 0',
    `${fencedSideCommits} commits, ${afterReturn.archivedBeyondFence} objects archived beyond the fence`,
    fencedSideCommits > 0 && afterReturn.archivedBeyondFence > 0,
  )
  return [
    check('the fence was proven', 'people or agents', fence.by ?? 'nobody', fence.proven),
    ...(primary === 'partitioned' ? [wentOn] : []),
    check('nothing of the fenced side was used', 'none', fence.archivedBeyondFenceUsed ? 'found' : 'none', !fence.archivedBeyondFenceUsed),
  ]
}

function judgeReturn({ primary, fence, fencedSideCommits, markersLost, afterReturn }: Measured): readonly Check[] {
  const { guard, stoppedSeconds, commitsUntilStopped, outsideAnswersAfterwards, commitsAfterwards, diverged } = afterReturn
  const stopped = check(
    'the old primary was stopped when its site was reached again',
    `≤ ${mostSecondsUntilStopped} s`,
    `${stoppedSeconds.toFixed(1)} s, ${commitsUntilStopped} commits until then`,
    stoppedSeconds <= mostSecondsUntilStopped,
  )
  return [
    ...(primary === 'partitioned' ? [stopped] : []),
    check('the old primary may not start', `exit code ${notActiveHere}`, `exit code ${guard.exitCode}`, guard.exitCode === notActiveHere),
    check(
      'the old primary did not serve after that',
      'nobody',
      `${outsideAnswersAfterwards} answers, ${commitsAfterwards} commits`,
      !fence.oldPrimaryServedAfterReturn,
    ),
    check('the old primary did not take DNS', 'never', fence.oldPrimaryTookDns ? 'it did' : 'never', !fence.oldPrimaryTookDns),
    ...(diverged === null ? [] : [judgeDiverged(diverged, fencedSideCommits + markersLost)]),
  ]
}

/** The server's own transactions, such as those of autovacuum, come on top. */
function judgeDiverged({ before, after, incomplete }: NonNullable<RunReport['afterReturn']['diverged']>, expected: number): Check {
  const more = incomplete === null ? '' : `, incomplete: ${incomplete}`
  const all = before + after >= expected && incomplete === null
  return check('muster diverged counts what stayed behind', `≥ ${expected}`, `${before + after} transactions${more}`, all)
}

function judgeHome({ failback: { markersLost, markersExpected }, evidenceVerified, evidenceProblem }: Measured): readonly Check[] {
  return [
    check('lost by the failback', 'nothing', `${markersLost} of ${markersExpected} markers`, markersExpected > 0 && markersLost === 0),
    check('evidence of both moves proves true', 'verified', evidenceProblem ?? 'verified', evidenceVerified),
  ]
}

function check(name: string, target: string, measured: string, ok: boolean): Check {
  return { name, target, measured, ok }
}
