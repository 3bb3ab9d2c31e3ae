import { setTimeout as sleep } from 'node:timers/promises'
import type { Dns } from '../../../adapters/dns/dns.ts'
import type { RecordSet } from '../../../domain/dns.ts'
import { judgeObservations, type ObservationRule, type ObservationVerdict } from '../../../domain/dns-observation.ts'
import { dnsRecordOf, recordSetOfSite } from '../../../domain/dns-plan.ts'
import { failures, MusterError } from '../../../domain/failures.ts'
import { type Agent, systemOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'

export interface ObserveDnsInput {
  readonly system: string
  readonly configHash: string
  /** As `planDns` names it. */
  readonly record: string
  readonly toSite: string
  readonly lostSite: string | null
  /** What `changeDns` answered; null where there is none. */
  readonly changeId: string | null
  /** After which it says what is missing, in place of waiting on. Counted anew by each attempt. */
  readonly withinSeconds: number
}

export interface DnsObserved extends Pick<ObservationVerdict, 'everywhere' | 'changed' | 'missing' | 'owed' | 'summary'> {
  readonly record: string
  /** What the provider says of the change: at all its servers, not at all of them, or nothing that could be learnt. */
  readonly provider: 'settled' | 'pending' | 'unknown'
  readonly looks: number
  /** When the last look ended; with `everywhere`, the moment users can find the new site. */
  readonly at: string
}

const pauseMilliseconds = 1_000
const longestSummary = 500

/**
 * Looks at every authoritative server until each one outside the lost site gives exactly the values of the site, there are
 * `minimumObserved` of them, and the provider does not say that some of its servers still lack the change.
 *
 * Effect: none.
 * Idempotent: yes, it only looks.
 * Heartbeat: each look.
 * Fails with: UnknownName. Servers that do not have it in time are part of the result, by name and reason.
 */
export function observeDns(agent: Agent) {
  return async (input: ObserveDnsInput, work: Work): Promise<DnsObserved> => {
    const { system, configHash, record: id, toSite, lostSite, changeId, withinSeconds } = input
    const { config } = await agent.config(configHash)
    const record = dnsRecordOf(systemOf(config, system).dns ?? [], id, system)
    const wanted = recordSetOfSite(record, toSite)
    const dns = agent.dns(record, { label: work.label, ...(lostSite !== null && { lostSite }) })
    const rule = { lostSite, minimumObserved: record.minimumObserved }
    const settling = watchProvider(dns, changeId, work.signal)
    const deadline = performance.now() + withinSeconds * 1000
    try {
      for (let looks = 1; ; looks += 1) {
        const verdict = await lookOnce(dns, wanted, rule, work.signal)
        const provider = settling.says()
        const everywhere = verdict.everywhere && provider !== 'pending'
        const summary = `${verdict.summary}${provider === 'pending' ? '; the provider still says that the change is pending' : ''}`.slice(0, longestSummary)
        work.progress({ phase: summary, doneBytes: 0, totalBytes: null })
        if (everywhere || performance.now() >= deadline) {
          return { record: id, ...verdict, everywhere, summary, provider, looks, at: agent.now().toISOString() }
        }
        await sleep(Math.min(pauseMilliseconds, Math.max(0, deadline - performance.now())), undefined, { signal: work.signal })
      }
    } finally {
      settling.stop()
    }
  }
}

/** Servers that cannot even be found are servers that do not have it. */
async function lookOnce(dns: Dns, wanted: RecordSet, rule: ObservationRule, signal: AbortSignal): Promise<ObservationVerdict> {
  try {
    return judgeObservations(await dns.observe(wanted, signal), rule)
  } catch (error) {
    if (!(error instanceof MusterError) || error.type === 'Cancelled') throw error
    return { everywhere: false, changed: [], missing: [error.message], owed: [], summary: error.message }
  }
}

/** Asks the provider meanwhile. What cannot be learnt from it does not hinder: the servers themselves are the proof. */
function watchProvider(dns: Dns, id: string | null, signal: AbortSignal) {
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  let said: DnsObserved['provider'] = id === null ? 'unknown' : 'pending'
  const watch = async (): Promise<void> => {
    while (id !== null && said !== 'settled' && !either.aborted) {
      try {
        await dns.awaitSettled({ outcome: 'changed', id, detail: '' }, either)
        said = 'settled'
      } catch (error) {
        // Not settled in its own time is what it says; everything else says nothing.
        const isPending = error instanceof MusterError && error.type === 'Timeout'
        if (!isPending) said = 'unknown'
        const mayPass = error instanceof MusterError && failures[error.type].retry
        if (!mayPass) return
      }
    }
  }
  void watch()
  return { says: () => said, stop: () => stop.abort() }
}
