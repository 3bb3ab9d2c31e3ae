import type { DnsProblem } from '../../../adapters/dns/dns.ts'
import type { DnsRecordConfig } from '../../../domain/config.ts'
import { describeRecordSet, type RecordSet, recordSet, sameValues } from '../../../domain/dns.ts'
import { dnsRecordId, type PlannedDnsChange, recordSetOfSite, siteHolding } from '../../../domain/dns-plan.ts'
import { survivalProblems } from '../../../domain/dns-survival.ts'
import { ttlProblem } from '../../../domain/dns-ttl.ts'
import { MusterError } from '../../../domain/failures.ts'
import { type Agent, systemOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'

export interface PlanDnsInput {
  readonly system: string
  readonly configHash: string
  /** The site that the records shall lead to. */
  readonly toSite: string
  /** What stands there is not counted on; null for a planned move, where everything works. */
  readonly lostSite: string | null
}

/** One record of the system: the decision about it, and what was found meanwhile. */
export interface DnsPlan {
  readonly record: string
  /** Null where it could not be read, or may not be changed: `problems` says why. */
  readonly change: PlannedDnsChange | null
  /** It already is as wanted. */
  readonly inPlace: boolean
  /** The site whose values it holds; null where they are those of none. */
  readonly holdsSite: string | null
  /** What was seen to work. */
  readonly proven: readonly string[]
  /** What would stop the change. */
  readonly problems: readonly DnsProblem[]
  /** What a person should know before approving. */
  readonly warnings: readonly string[]
  readonly untried: readonly string[]
}

export interface DnsPlans {
  /** In the order of the configuration; empty where the system has no DNS record. */
  readonly records: readonly DnsPlan[]
}

/** Within one look; the plan is made again anyway. */
const retrySeconds = 10

/**
 * Reads each DNS record of a system and says exactly which change would be made, trying key and rights without a change.
 *
 * Effect: none.
 * Idempotent: yes, it only looks.
 * Heartbeat: each record.
 * Fails with: UnknownName (system); a record that cannot be read or changed is part of the result.
 */
export function planDns(agent: Agent) {
  return async ({ system, configHash, toSite, lostSite }: PlanDnsInput, work: Work): Promise<DnsPlans> => {
    const { config } = await agent.config(configHash)
    const records = systemOf(config, system).dns ?? []
    const plans = records.map(async (record) => {
      const plan = await planRecord(agent, record, toSite, lostSite, work)
      work.progress({ phase: plan.record, doneBytes: 0, totalBytes: null })
      return plan
    })
    return { records: await Promise.all(plans) }
  }
}

async function planRecord(agent: Agent, record: DnsRecordConfig, toSite: string, lostSite: string | null, work: Work): Promise<DnsPlan> {
  const id = dnsRecordId(record)
  const dns = agent.dns(record, { label: work.label, retrySeconds, ...(lostSite !== null && { lostSite }) })
  const { present, proven, problems: tried, untried } = await dns.dryRun(work.signal)
  const wanted = orProblem(() => recordSetOfSite(record, toSite))
  // A stranger may have put something there that nobody can name exactly.
  const expected = present && orProblem(() => recordSet(present))
  const wrong = [wanted, expected].flatMap((one) => (one instanceof MusterError ? [{ type: one.type, message: one.message, hint: one.hint }] : []))
  const problems = [...tried, ...wrong, ...lossProblems(record, lostSite)]
  const found = { record: id, proven, problems, untried }
  if (expected === null || expected instanceof MusterError || wanted instanceof MusterError) {
    return { ...found, change: null, inPlace: false, holdsSite: null, warnings: [] }
  }
  const holdsSite = siteHolding(record, expected)
  const inPlace = sameValues(expected, wanted) && expected.ttlSeconds === wanted.ttlSeconds
  const change = { record: id, provider: record.provider, expected, wanted }
  return { ...found, change, inPlace, holdsSite, warnings: warningsOf(record, expected, holdsSite) }
}

function orProblem(make: () => RecordSet): RecordSet | MusterError {
  try {
    return make()
  } catch (error) {
    if (error instanceof MusterError) return error
    throw error
  }
}

function lossProblems(record: DnsRecordConfig, lostSite: string | null): readonly DnsProblem[] {
  const found = lostSite === null ? [] : survivalProblems(record, lostSite)
  return found.map((message) => ({ type: 'PreconditionFailed', message, hint: 'add a server at another site to muster.yaml, then: muster apply' }))
}

function warningsOf(record: DnsRecordConfig, present: RecordSet, holdsSite: string | null): readonly string[] {
  const ttl = ttlProblem(present, record.ttlSeconds)
  return [
    ...(ttl === null ? [] : [ttl]),
    ...(holdsSite === null
      ? [`${describeRecordSet(present)} is the value of no site in muster.yaml: it is replaced, and could not be put back by Muster`]
      : []),
  ]
}
