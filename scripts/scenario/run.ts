/** One run: the primary is lost, the shop moves, the primary comes back, the shop goes home. */
import { setTimeout as sleep } from 'node:timers/promises'
import { formatSize } from '../../domain/durations.ts'
import type { Marker } from '../demo/writer.ts'
import { clock, count, type Teller } from '../demo/tell.ts'
import { restoreBare } from './bare.ts'
import { type DnsWatch, watchDns } from './dns-watch.ts'
import { verifyEvidence } from './evidence.ts'
import { failOver } from './fail-over.ts'
import { judge } from './judge.ts'
import { lookForLost, present } from './lost.ts'
import { type DoneMove, moveShop } from './move.ts'
import { cutLink, killMachine } from './network.ts'
import type { Loss, Plot } from './options.ts'
import type { ScenarioPlaces } from './places.ts'
import type { RunReport } from './report.ts'
import { comeBack } from './return.ts'
import { type RolledBack, rollBackAtHome } from './roll-back.ts'
import { setUp, type Stage } from './set-up.ts'
import { acknowledgedAt } from './writers.ts'

const atOtherSiteMs = 3000

export async function runScenario(places: ScenarioPlaces, plot: Plot, megabytes: number, teller: Teller): Promise<RunReport> {
  const { loss, mode } = plot
  const stage = await setUp(places, plot, megabytes, teller)
  const dns = watchDns(stage.zone)
  try {
    const cutAt = await lose(stage, loss, teller)
    const away = await failOver(stage, cutAt, dns, teller)
    // Its backup would compete with the commands that are timed.
    await untilBackedUp(stage, away.done)
    const bare = await byHand(stage, away.done, teller)
    const afterReturn = await comeBack(stage, loss, Date.parse(away.done.result.times.fencedAt ?? ''))
    tellReturn(afterReturn, loss, teller)
    const followedAt = await dns.until('primary', 'dr', away.dnsAt, 60)
    const tookDns = ledHome(dns, away.dnsAt)
    await sleep(atOtherSiteMs)
    const fenced = (await acknowledgedAt(places, 'primary')).filter(({ ackedAt }) => ackedAt > cutAt)
    const home = await failBack(stage, away.kept, dns, teller)
    const rollback = loss === 'partitioned' ? await rollBack(stage, home.done, teller) : null
    const evidence = await verifyEvidence(stage)
    teller.line('Evidence', evidence.problem ?? 'both moves are archived, and muster audit verify finds nothing edited, missing or cut')
    const found = {
      primary: loss,
      mode,
      temporalAt: loss === 'killed' ? ('the primary site' as const) : ('the third place' as const),
      databaseBytes: stage.databaseBytes,
      approvalToDnsSeconds: (away.dnsAt - away.done.approvedAt) / 1000,
      askedToDnsSeconds: (away.dnsAt - away.done.askedAt) / 1000,
      approvalToServiceSeconds: (away.servedAt - away.done.approvedAt) / 1000,
      restoreRatioToBare: (away.dnsAt - away.done.approvedAt) / 1000 / bare.totalSeconds,
      bare,
      steps: away.done.result.steps.map((step) => ({ name: step.name, seconds: step.seconds })),
      markersLost: away.markersLost,
      secondsLost: away.secondsLost,
      markersBeforeCut: away.expected,
      fencedSideCommits: fenced.length,
      fence: {
        proven: away.done.result.fence !== null,
        by: away.done.result.fence?.by ?? null,
        archivedBeyondFenceUsed: present(fenced, away.found) + present(fenced, home.found) > 0,
        oldPrimaryServedAfterReturn: afterReturn.outsideAnswersAfterwards > 0 || afterReturn.commitsAfterwards > 0,
        oldPrimaryTookDns: tookDns,
      },
      afterReturn,
      staleNameServerSeconds: Math.max(0, (followedAt - Date.parse(afterReturn.healedAt)) / 1000),
      failback: { markersLost: home.markersLost, markersExpected: home.expected, seconds: home.seconds },
      rollback,
      evidenceVerified: evidence.verified,
      evidenceProblem: evidence.problem,
    }
    const checks = judge(found)
    return { ...found, checks, ok: checks.every(({ ok }) => ok) }
  } finally {
    dns.stop()
  }
}

/** @returns when */
async function lose({ places }: Stage, loss: Loss, teller: Teller): Promise<number> {
  await cutLink('primary')
  const killed = loss === 'killed' ? await killMachine('primary') : 0
  const cutAt = Date.now()
  const what =
    loss === 'killed'
      ? `the primary site loses power, with Temporal: ${killed} processes are gone, and its link is down`
      : 'the link of the primary site is cut; it lives, and its client goes on committing'
  const last = (await acknowledgedAt(places, 'primary')).findLast(({ ackedAt }) => ackedAt <= cutAt)
  teller.line('Disaster', `${clock(cutAt)}: ${what}; ${count(last?.number ?? 0)} markers were acknowledged`)
  return cutAt
}

/** The same backup, to a second before the last commit that the failover brought back. */
async function byHand(stage: Stage, { result }: DoneMove, teller: Teller) {
  const last = result.recovered['database']?.lastCommitAt
  if (!last) throw new Error('the failover does not say which commit was its last')
  const target = new Date(Date.parse(last) - 1000).toISOString().replace('T', ' ').replace('Z', '+00')
  const bare = await restoreBare(stage, target)
  teller.line('By hand', `the same from S3 with the commands of RUNBOOK.md, to ${target.slice(11, 23)} (${formatSize(stage.databaseBytes)})`, bare.totalSeconds)
  return bare
}

async function untilBackedUp({ temporal: { client } }: Stage, { result }: DoneMove): Promise<void> {
  if (result.backup !== null) await client.workflow.getHandle(result.backup).result()
}

function tellReturn({ stoppedSeconds, commitsUntilStopped, guard, diverged, archivedBeyondFence }: RunReport['afterReturn'], loss: Loss, teller: Teller): void {
  if (loss === 'killed') teller.line('Return', `the old primary boots: its database asks the guard first, and is refused (exit code ${guard.exitCode})`)
  else {
    teller.line('Return', `the link is healed: the return guard stops the old database; ${commitsUntilStopped} local commits until then`, stoppedSeconds)
    teller.line(
      'Return',
      `muster diverged: ${diverged?.before} transactions before the fence, ${diverged?.after} after; ${archivedBeyondFence} objects archived beyond it, none used`,
    )
  }
}

/** Whether any name server said so again, once it had said otherwise. */
function ledHome({ changes }: DnsWatch, since: number): boolean {
  const lateServer = changes.primary.findIndex(({ at, leadsTo }) => at > since && leadsTo === 'dr')
  const late = lateServer < 0 ? [] : changes.primary.slice(lateServer)
  return [...changes.dr.filter(({ at }) => at > since), ...late].some(({ leadsTo }) => leadsTo === 'primary')
}

async function failBack(stage: Stage, kept: readonly Marker[], dns: DnsWatch, teller: Teller) {
  const { places, database } = stage
  const done = await moveShop(stage, 'failback', 'primary', null)
  await dns.until('dr', 'primary', done.approvedAt, 30)
  const expected = [...kept, ...(await acknowledgedAt(places, 'dr'))]
  const lost = await lookForLost(database.shop.primary, expected)
  const taken = (Date.parse(done.result.times.verifiedAt ?? '') - done.approvedAt) / 1000
  teller.line('Failback', `${lost.markersLost} of ${count(lost.expected)} markers lost; DNS leads home`, taken)
  return { ...lost, seconds: taken, done }
}

/** Once: how the primary was lost makes no difference to it. */
async function rollBack(stage: Stage, home: DoneMove, teller: Teller): Promise<RolledBack> {
  // The backup that follows a failback holds the component.
  await untilBackedUp(stage, home)
  const found = await rollBackAtHome(stage)
  teller.line('Roll back', 'a restore whose last check fails after the swap: the old database serves again', found.seconds)
  return found
}
