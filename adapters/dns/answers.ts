/** What an answer of an authoritative server says about one record. */
import type { Answer as AnyRecord, StringAnswer } from 'dns-packet'
import { canonicalDnsName, type DnsRecordType, observedDnsValue } from '../../domain/dns-values.ts'
import { MusterError } from '../../domain/failures.ts'
import type { Answer } from './ask.ts'

export interface FoundRecord {
  /** Sorted; empty when the server says with authority that there is none. */
  readonly values: readonly string[]
  /** The longest of them; null when there are none. */
  readonly ttlSeconds: number | null
  /** Where the name is an alias and the record itself is elsewhere. */
  readonly aliasOf: string | null
}

/** Why an answer proves nothing, in words that follow the name of the server; null when it does. */
export function refusalOf(answer: Answer): string | null {
  const code = answer.rcode
  if (code !== 'NOERROR' && code !== 'NXDOMAIN') return `answers ${code}`
  return answer.flag_aa ? null : 'answers without authority: it does not serve the zone'
}

/** The values of the record in an answer that proves something. */
export function recordIn(answer: Answer, name: string, type: DnsRecordType): FoundRecord {
  const own = (answer.answers ?? []).filter((record) => sameName(record.name, name))
  const found = own.flatMap((record) => (isOfType(record, type) ? [{ value: observedDnsValue(type, record.data), ttl: record.ttl ?? 0 }] : []))
  const alias = own.find((record) => isOfType(record, 'CNAME'))
  return {
    values: [...new Set(found.map(({ value }) => value))].sort(),
    ttlSeconds: found.length === 0 ? null : Math.max(...found.map(({ ttl }) => ttl)),
    aliasOf: type !== 'CNAME' && alias ? observedDnsValue('CNAME', alias.data) : null,
  }
}

/** The serial number of the zone; null when the answer does not tell. */
export function serialIn(answer: Answer): number | null {
  for (const record of [...(answer.answers ?? []), ...(answer.authorities ?? [])]) {
    if (record.type === 'SOA') return record.data.serial ?? null
  }
  return null
}

function isOfType(record: AnyRecord, type: DnsRecordType): record is StringAnswer {
  return record.type === type
}

function sameName(found: string, name: string): boolean {
  try {
    return canonicalDnsName(found) === name
  } catch (error) {
    if (error instanceof MusterError) return false
    throw error
  }
}
