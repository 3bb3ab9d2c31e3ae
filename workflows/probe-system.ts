/**
 * Looks from several places whether users can reach a system. Scheduled where `probes` are configured.
 *
 *  1. scope     from where, and where the system is active
 *  2. look      each vantage point's agent, beside each other; one that does not answer counts neither for nor against
 *  3. judge     by quorum, together with the earlier runs: one bad minute is no loss
 *  4. alarm     what is new, what is over, once a day what is still so, and to the next contact what stands
 *  5. prepare   of a loss: the failover is planned at the other site, and its standby brought up to date
 *
 * It never starts a failover: a person does. Additive: nothing to undo. What earlier runs saw comes from the result of the
 * schedule's last run; where that is lost with Temporal, it is counted anew.
 */
import { CancellationScope, isCancellation, patched, workflowInfo } from '@temporalio/workflow'
import type { ProbeScope } from '../activities/site/scope-probes.ts'
import type { ContactTurn } from '../domain/contacts.ts'
import type { StandingReason } from '../domain/health-alarms.ts'
import { countVerdict, type ProbeRecord, reasonOf, type Sighting, verdictOf, verdictText, withTimes } from '../domain/probes.ts'
import { firstLimits } from '../domain/time-limits.ts'
import { secondsBetween } from '../domain/times.ts'
import { onSite, promptOnHost } from './activity-options.ts'
import { tellOfAlarms } from './alarms.ts'
import { isFailedLook, leftByLooks, tellOfFailedLook, tellThatItLooksAgain } from './failed-look.ts'
import { failureOf, isFailure } from './failure-of.ts'
import { type ProbeSystemInput, probeSystemMessage } from './messages.ts'
import { createNotices, type Notices } from './notices.ts'
import { prepareFailover } from './prepare-failover.ts'
import { procedure } from './procedure.ts'
import { createProgressBoard, type Outcome, type ProgressBoard } from './progress.ts'
import { siteOfQueue } from './queues.ts'

export interface ProbeSystemResult extends ProbeRecord {
  readonly system: string
  readonly outcome: Outcome
  /** Who is told after whom, for a next run that cannot find out; absent where nobody is. */
  readonly contacts?: readonly ContactTurn[]
}

/** Longer than the longest look. */
const lookSeconds = 30
const notReadyKey = 'probe|not-ready'

export const probeSystem = procedure('probeSystem', probeSystemMessage, async (input: ProbeSystemInput): Promise<ProbeSystemResult> => {
  const board = createProgressBoard('probeSystem', input.system)
  const about = { configHash: input.configHash ?? null, system: input.system, procedure: 'probeSystem' }
  const last = (workflowInfo().lastResult as ProbeSystemResult | undefined) ?? null
  const left = leftByLooks(last)
  let notices = createNotices(siteOfQueue(), firstLimits, { ...about, contacts: left.contacts })
  try {
    board.phase('looking')
    const scope = await onSite(siteOfQueue(), 'control', firstLimits).scopeProbes.executeWithOptions({ summary: `from where ${input.system} is looked at` }, [
      { system: input.system, configHash: input.configHash ?? null },
    ])
    notices = createNotices(siteOfQueue(), scope.limits, { ...about, contacts: scope.contacts })
    const before = last && { ...last, told: last.told.filter((one) => !isFailedLook(one)) }
    const record = await judge(input.system, scope, before, board, notices)
    const stillBelieved = await tellThatItLooksAgain(notices, left, `whether ${input.system} can be reached is looked at again`)
    const outcome: Outcome = record.verdict === 'reachable' ? 'succeeded' : 'degraded'
    board.phase(outcome)
    board.outcome(outcome)
    await notices.settled()
    const { contacts } = scope
    return { system: input.system, outcome, ...record, told: [...record.told, ...stillBelieved], ...(contacts && { contacts }) }
  } catch (error) {
    if (!isFailure(error)) throw error
    const outcome: Outcome = isCancellation(error) ? 'cancelled' : 'failed'
    board.phase(outcome)
    board.outcome(outcome)
    throw await CancellationScope.nonCancellable(async () => {
      const failure = outcome === 'failed' ? await tellThatNobodyLooks(input.system, error, left, notices) : error
      await notices.settled()
      return failure
    })
  }
})

async function tellThatNobodyLooks(system: string, error: unknown, left: ReturnType<typeof leftByLooks>, notices: Notices): Promise<unknown> {
  const title = `nobody looks whether ${system} can be reached`
  const next = `muster status ${system}`
  if (patched('a-look-that-fails-stands')) return tellOfFailedLook(notices, left, error, { title, unknown: 'whether it can be reached is not known', next })
  // Runs that began before told it with the first that failed, and never again.
  const body = `${failureOf(error).message}\nWhether it can be reached is not known: ${next}`
  if (workflowInfo().lastFailure === undefined) notices.send('failed', 'critical', title, body)
  return error
}

async function judge(system: string, scope: ProbeScope, before: ProbeRecord | null, board: ProgressBoard, notices: Notices): Promise<ProbeRecord> {
  const active = scope.active ?? before?.active ?? scope.sites[0] ?? siteOfQueue()
  const seen = await Promise.all(scope.hosts.map((host) => lookFrom(host, system, active, scope)))
  const at = new Date().toISOString()
  const sightings = withTimes(before?.sightings ?? [], seen, at)
  const verdict = verdictOf(sightings, scope.quorum)
  // What a run has stopped is stopped on purpose, and people are with that run.
  const counted = scope.changing === null ? countVerdict(before, verdict, scope, at) : { ...untouched(before, at), verdict }
  const to = scope.sites.find((site) => site !== active) ?? null
  const reason = reasonOf({ ...counted, sightings, at }, { system, quorum: scope.quorum, to, check: scope.check })
  const record = { at, sightings, active, ...counted, told: before?.told ?? [], preparedAt: before?.preparedAt ?? null }
  board.note([verdictText(record), ...(reason === null ? [] : [reason.text]), ...(scope.changing === null ? [] : [`not counted: ${scope.changing}`])])
  board.probed(record)
  // While a run is at it, and while it is good but not for long enough, nobody is told anything.
  if (scope.changing !== null || (verdict === 'reachable' && counted.standing !== null)) return record
  const told = await tell(system, record, reason, notices)
  if (counted.standing !== 'lost') return { ...record, preparedAt: null, told: await tellNotReady(system, told, null, notices) }
  const unheard = before?.unheard
  const isEarly = unheard !== undefined && secondsBetween(unheard.at, at) < notices.tellAgainSeconds(unheard.tries)
  if (to === null || verdict !== 'lost' || record.preparedAt !== null || isEarly) return { ...record, told, ...(unheard && { unheard }) }
  board.phase('preparing')
  const { problem, reached } = await prepareFailover(system, to, scope, notices)
  const ready = { ...record, preparedAt: reached ? at : null, ...(problem === null && !reached && { unheard: { tries: (unheard?.tries ?? 0) + 1, at } }) }
  board.probed(ready)
  return { ...ready, told: await tellNotReady(system, told, problem, notices) }
}

function untouched(before: ProbeRecord | null, at: string) {
  return { runs: 0, since: at, standing: before?.standing ?? null, overs: before?.overs ?? [] }
}

/** An agent that is gone, or cannot look, has seen nothing. */
async function lookFrom(host: string, system: string, active: string, { configHash, limits }: ProbeScope): Promise<Omit<Sighting, 'since'>> {
  const patience = { ...limits, controlSeconds: Math.min(limits.controlSeconds, lookSeconds) }
  try {
    const { reached, detail } = await promptOnHost(host, 'control', patience).probeService.executeWithOptions({ summary: `look from ${host}` }, [
      { host, system, active, configHash },
    ])
    return { host, sees: reached ? 'up' : 'down', detail }
  } catch (error) {
    if (!isFailure(error) || isCancellation(error)) throw error
    return { host, sees: 'unknown', detail: failureOf(error).message.slice(0, 300) }
  }
}

const isNotReady = ({ key }: { readonly key: string }) => key === notReadyKey

async function tell(system: string, { told }: ProbeRecord, reason: StandingReason | null, notices: Notices): Promise<ProbeRecord['told']> {
  const before = told.filter((one) => !isNotReady(one))
  const look = { before, reasons: reason === null ? [] : [reason], title: system, overTitle: `${system} can be reached` }
  return [...(await tellOfAlarms(notices, look)), ...told.filter(isNotReady)]
}

/** That a failover could not be prepared is an alarm of its own. */
async function tellNotReady(system: string, told: ProbeRecord['told'], problem: string | null, notices: Notices): Promise<ProbeRecord['told']> {
  const text = `a failover cannot be prepared: ${problem ?? ''}`
  const reasons: readonly StandingReason[] =
    problem === null ? [] : [{ key: notReadyKey, word: 'not protected', component: null, text, next: `muster failover ${system} --plan` }]
  const look = { before: told.filter(isNotReady), reasons, title: system, overTitle: `${system}: a failover is no longer in question, or prepared` }
  return [...told.filter((one) => !isNotReady(one)), ...(await tellOfAlarms(notices, look))]
}
