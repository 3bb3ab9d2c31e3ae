/** Between Route 53's record sets and ours; refuses those that Muster does not change. */
import type { ResourceRecordSet } from '@aws-sdk/client-route-53'
import type { Route53RecordConfig } from '../../domain/config.ts'
import type { RecordSet } from '../../domain/dns.ts'
import { canonicalDnsName, observedDnsValue } from '../../domain/dns-values.ts'
import { MusterError } from '../../domain/failures.ts'
import { declared, isAlias, RecordRefused } from './refused-records.ts'

/** A record as it is there, and all that Route 53 keeps with it, which a change must name and keep. */
export interface FoundSet {
  readonly present: RecordSet
  readonly raw: ResourceRecordSet
}

/**
 * The record among the sets that were listed; null when there is none.
 * @throws RecordRefused unless it is one plain set of values, or more was declared
 */
export function findSet(listed: readonly ResourceRecordSet[], record: Route53RecordConfig): FoundSet | null {
  const what = `${record.name} ${record.type}`
  const named = listed.filter((set) => isName(set.Name, record.name))
  const sets = named.filter((set) => set.Type === record.type)
  const routes = sets.flatMap((set) => set.SetIdentifier ?? [])
  if (record.setIdentifier === undefined && routes.length > 0) {
    throw new RecordRefused(
      `${what} is routed (sets ${routes.join(', ')}): who asks decides the answer`,
      'declare setIdentifier in muster.yaml, or make it a plain record',
    )
  }
  const raw = sets.find((set) => set.SetIdentifier === record.setIdentifier)
  if (raw) return { raw, present: presentSet(raw, record) }
  if (sets.length > 0) {
    throw new RecordRefused(
      `${what} has no set "${record.setIdentifier}"; there are: ${routes.join(', ') || 'plain ones only'}`,
      'correct setIdentifier in muster.yaml',
    )
  }
  const alias = named.find((set) => set.Type === 'CNAME')
  if (alias) throw isAlias(record.name, observedDnsValue('CNAME', alias.ResourceRecords?.[0]?.Value ?? ''))
  return null
}

/** The same set with other values: every other property stays, so that a routing policy or a health check is not lost. */
export function withValues(raw: ResourceRecordSet, wanted: RecordSet): ResourceRecordSet {
  return { ...raw, TTL: wanted.ttlSeconds, ResourceRecords: wanted.values.map((value) => ({ Value: value })) }
}

function presentSet(raw: ResourceRecordSet, record: Route53RecordConfig): RecordSet {
  const { name, type } = record
  if (raw.AliasTarget || raw.TrafficPolicyInstanceId !== undefined) {
    const target = raw.AliasTarget?.DNSName ?? 'what a traffic policy decides'
    throw new RecordRefused(
      `${name} ${type} is an alias of ${target}, whose answers are not its own`,
      'replace it by a plain record with a TTL: no change of an alias could be observed',
    )
  }
  const values = (raw.ResourceRecords ?? []).map(({ Value = '' }) => observedDnsValue(type, Value)).sort()
  return declared({ name, type, ttlSeconds: raw.TTL ?? 0, values }, record)
}

/** Route 53 escapes all characters that no name of ours has: a listed `\052` is a wildcard, and nothing of ours. */
function isName(listed: string | undefined, name: string): boolean {
  try {
    return canonicalDnsName(listed ?? '') === name
  } catch (error) {
    if (error instanceof MusterError) return false
    throw error
  }
}
