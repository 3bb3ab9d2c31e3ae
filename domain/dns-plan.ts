/** What a plan says about the DNS records of a system: which change is exactly made, and what a record is known by. */
import type { DnsRecordConfig } from './config.ts'
import { type RecordSet, recordSet } from './dns.ts'
import { MusterError } from './failures.ts'

/** What people approve, for one record; the decision of a plan carries it, so that its hash covers every value. */
export interface PlannedDnsChange {
  readonly record: string
  readonly provider: DnsRecordConfig['provider']
  /** What was found there when the plan was made; nothing else is ever replaced. */
  readonly expected: RecordSet
  readonly wanted: RecordSet
}

/** `app.kennel.example. A`: what inputs and plans name a record by. */
export function dnsRecordId({ name, type }: Pick<DnsRecordConfig, 'name' | 'type'>): string {
  return `${name} ${type}`
}

/** @throws MusterError UnknownName */
export function dnsRecordOf(records: readonly DnsRecordConfig[], id: string, system: string): DnsRecordConfig {
  const found = records.find((record) => dnsRecordId(record) === id)
  if (found) return found
  const known = records.map(dnsRecordId).join(', ')
  throw new MusterError('UnknownName', `system "${system}" has no DNS record "${id}"; it has: ${known || 'none'}`)
}

/**
 * What the record holds while a site is active.
 * @throws MusterError UnknownName where the record says nothing about that site
 */
export function recordSetOfSite(record: DnsRecordConfig, site: string): RecordSet {
  const { name, type, ttlSeconds, values } = record
  const own = values[site]
  if (own) return recordSet({ name, type, ttlSeconds, values: own })
  throw new MusterError(
    'UnknownName',
    `the record ${dnsRecordId(record)} has no values for site "${site}"; it has some for: ${Object.keys(values).join(', ')}`,
    {
      hint: 'write values of that site for the record into muster.yaml, then: muster apply',
    },
  )
}

/** The site whose values these are; null where they are those of none. */
export function siteHolding(record: DnsRecordConfig, present: RecordSet): string | null {
  const text = present.values.join(' ')
  return Object.entries(record.values).find(([, values]) => values.join(' ') === text)?.[0] ?? null
}
