import type { DnsChange } from '../../../adapters/dns/dns.ts'
import { recordSetText, type RecordSet } from '../../../domain/dns.ts'
import { dnsRecordOf, recordSetOfSite } from '../../../domain/dns-plan.ts'
import { type Agent, systemOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { takeRecord } from './dns-notes.ts'

export interface ChangeDnsInput {
  readonly system: string
  readonly configHash: string
  /** As `planDns` names it. */
  readonly record: string
  /** What the record is to hold is looked up for this site in the signed configuration: no input carries an address. */
  readonly toSite: string
  /** What the approved plan found there. */
  readonly expected: RecordSet
  readonly lostSite: string | null
}

export interface DnsChanged {
  readonly record: string
  /** `changed` also where the answer to the change was lost; `by hand`: a person has to do what `detail` says. */
  readonly outcome: DnsChange['outcome']
  /** For `observeDns`: by which the provider knows the change; null where it has no such thing. */
  readonly changeId: string | null
  readonly wanted: RecordSet
  readonly detail: string
  readonly at: string
}

/** Then Temporal tries again, and shows meanwhile what this attempt failed with. */
const retrySeconds = 5

/**
 * Replaces what a plan found in a record by the values of a site, in one compare-and-set at its provider; update servers
 * at the lost site are tried last. A stale plan changes nothing.
 *
 * Effect: one record set at the provider has other values; noted on this host before it is asked for.
 * Idempotent: yes; a record that is as wanted is left alone, and an attempt that was frozen changes nothing any more.
 * Heartbeat: none needed; an attempt takes seconds.
 * Fails with: PlanChanged, PreconditionFailed (alias, routed, undeclared values), CredentialsRejected, SecretMissing,
 *   UnknownName, EpochSuperseded; Unreachable, Throttled, CommandFailed and Timeout may pass.
 */
export function changeDns(agent: Agent) {
  return async ({ system, configHash, record: id, toSite, expected, lostSite }: ChangeDnsInput, work: Work): Promise<DnsChanged> => {
    const { config } = await agent.config(configHash)
    const record = dnsRecordOf(systemOf(config, system).dns ?? [], id, system)
    const wanted = recordSetOfSite(record, toSite)
    const subject = { record: id, step: work.label, from: recordSetText(expected), to: recordSetText(wanted) }
    const attempt = await takeRecord(agent.hostDirectory, system, subject, () => agent.now())
    const dns = agent.dns(record, { label: work.label, retrySeconds, ...(lostSite !== null && { lostSite }) })
    const beforeChange = async (): Promise<void> => {
      await attempt.noteChanging()
      await work.assertCurrent()
    }
    const change = await dns.change({ expected, wanted, beforeChange }, work.signal)
    if (change.outcome === 'changed') await attempt.noteChanged()
    return { record: id, ...told(change, attempt.hasBegun()), wanted, at: agent.now().toISOString() }
  }
}

/** Whose answer was lost has made the change all the same. */
function told({ outcome, id: changeId, detail }: DnsChange, begun: boolean): Pick<DnsChanged, 'outcome' | 'changeId' | 'detail'> {
  if (outcome !== 'already' || !begun) return { outcome, changeId, detail }
  return { outcome: 'changed', changeId, detail: `${detail}, where this step had begun to put it` }
}
