/** Whether a record can be moved when a site is lost: what `doctor` says now, and what is watched all the time. */
import type { Dns, DnsReadiness } from '../../../adapters/dns/dns.ts'
import type { DnsRecordConfig } from '../../../domain/config.ts'
import { describeRecordSet, type RecordSet } from '../../../domain/dns.ts'
import { judgeObservations, type ServerObservation } from '../../../domain/dns-observation.ts'
import { recordSetOfSite, siteHolding } from '../../../domain/dns-plan.ts'
import { survivalProblems } from '../../../domain/dns-survival.ts'
import { seenTtlProblem } from '../../../domain/dns-ttl.ts'
import { MusterError } from '../../../domain/failures.ts'

export type DnsFinding =
  | { readonly severity: 'ok'; readonly message: string }
  | { readonly severity: 'warning' | 'problem'; readonly message: string; readonly hint: string }

export interface DnsExamination {
  readonly present: RecordSet | null
  /** The site whose values the record holds; null where it holds those of none, or could not be read. */
  readonly activeSite: string | null
  readonly findings: readonly DnsFinding[]
}

/**
 * Tries key and rights without a change, asks every authoritative server, and judges what a lost site would take away.
 * Changes nothing and throws only Cancelled: what goes wrong is a finding.
 */
export async function examineDns(record: DnsRecordConfig, dns: Dns, signal?: AbortSignal): Promise<DnsExamination> {
  const readiness = await dns.dryRun(signal)
  const { present } = readiness
  const activeSite = present === null ? null : siteHolding(record, present)
  const [looks, unlisted] = await Promise.all([lookEverywhere(record, dns, present, signal), unlistedFindings(record, dns, signal)])
  const observations = looks instanceof MusterError ? [] : looks
  const findings = [
    ...readinessFindings(readiness),
    ...activeFindings(present, activeSite),
    ...(looks instanceof MusterError ? [problem(looks.message, looks.hint)] : serverFindings(record, present, looks)),
    ...unlisted,
    ...ttlFindings(record, present, observations),
    ...survivalFindings(record, activeSite),
    ...placeFindings(record),
  ]
  return { present, activeSite, findings }
}

function readinessFindings({ proven, problems, untried }: DnsReadiness): readonly DnsFinding[] {
  return [
    ...proven.map(ok),
    ...untried.map((what) => ok(`cannot be tried without a change: ${what}`)),
    ...problems.map(({ message, hint }) => problem(message, hint)),
  ]
}

function activeFindings(present: RecordSet | null, activeSite: string | null): readonly DnsFinding[] {
  if (present === null) return []
  if (activeSite !== null) return [ok(`holds the values of site ${activeSite}`)]
  return [
    warning(
      `${describeRecordSet(present)} is the value of no site: a failover would replace it, and no failback would bring it back`,
      'write what the record holds as values of the site that is active, or correct the record',
    ),
  ]
}

/** What the servers are asked for is what the provider has; where that is not known, only whether they answer counts. */
async function lookEverywhere(record: DnsRecordConfig, dns: Dns, present: RecordSet | null, signal?: AbortSignal) {
  try {
    return await dns.observe(present ?? recordSetOfSite(record, Object.keys(record.values)[0] ?? ''), signal)
  } catch (error) {
    if (error instanceof MusterError && error.type !== 'Cancelled') return error
    throw error
  }
}

function serverFindings(record: DnsRecordConfig, present: RecordSet | null, looks: readonly ServerObservation[]): readonly DnsFinding[] {
  const counted = present === null ? looks.map((look) => ({ ...look, ok: look.observed })) : looks
  const { changed, missing, everywhere, summary } = judgeObservations(counted, { lostSite: null, minimumObserved: record.minimumObserved })
  const hint = 'mend that server, or take it out of the zone: as it is, no change would count as done'
  return [
    ...changed.map((server) => ok(`${server} answers${present === null ? '' : ` ${describeRecordSet(present)}`}`)),
    ...missing.map((server) => problem(`the name server ${server}`, hint)),
    ...(!everywhere && missing.length === 0
      ? [problem(`the name servers of ${record.zone} are too few: ${summary}`, 'add name servers, or lower minimumObserved')]
      : []),
  ]
}

/** A list that leaves one out would call a change done that a part of the users does not see. */
async function unlistedFindings({ zone }: DnsRecordConfig, dns: Dns, signal?: AbortSignal): Promise<readonly DnsFinding[]> {
  try {
    const names = await dns.unlisted(signal)
    return names.map((name) =>
      problem(`${name} serves ${zone} and is not in nameServers: nobody would see that it keeps the old answer`, 'list it as well, with its site'),
    )
  } catch (error) {
    // That none of them answers is said for each of them.
    if (error instanceof MusterError && error.type === 'Unreachable') return []
    throw error
  }
}

function ttlFindings(record: DnsRecordConfig, present: RecordSet | null, observations: readonly ServerObservation[]): readonly DnsFinding[] {
  const found = seenTtlProblem(record, present, observations)
  if (found !== null) return [problem(found, `set its TTL to ${record.ttlSeconds} s now: lowered when a site is lost, it helps nobody`)]
  return present === null ? [] : [ok(`its TTL of ${present.ttlSeconds} s keeps the policy of ${record.ttlSeconds} s`)]
}

/** The site that is active is the one whose loss would have to be survived; any of them, where that is not known. */
function survivalFindings(record: DnsRecordConfig, activeSite: string | null): readonly DnsFinding[] {
  const hint = 'add a server at another site, that takes updates or serves the zone'
  return Object.keys(record.values).flatMap((site) => {
    const later = activeSite !== null && site !== activeSite
    return survivalProblems(record, site).map((message) => (later ? warning(`once site ${site} is active: ${message}`, hint) : problem(message, hint)))
  })
}

/** Route 53's servers stand at no site of ours. */
function placeFindings({ provider, nameServers, zone }: DnsRecordConfig): readonly DnsFinding[] {
  if (provider === 'route53' || nameServers.length > 0) return []
  return [
    warning(
      `nobody says at which site the name servers of ${zone} stand: one that is lost with its site would keep a change from ever counting as done`,
      'list them as nameServers, each with its site',
    ),
  ]
}

function ok(message: string): DnsFinding {
  return { severity: 'ok', message }
}

function warning(message: string, hint: string): DnsFinding {
  return { severity: 'warning', message, hint }
}

function problem(message: string, hint: string): DnsFinding {
  return { severity: 'problem', message, hint }
}
