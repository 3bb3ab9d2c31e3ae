/** How long answers may be remembered: policy, judged from what servers really say. */
import type { ServerObservation } from './dns-observation.ts'
import type { RecordSet } from './dns.ts'

/** A sentence where resolvers remember the record for longer than policy allows, else null. */
export function ttlProblem(present: Pick<RecordSet, 'name' | 'type' | 'ttlSeconds'>, policySeconds: number): string | null {
  if (present.ttlSeconds <= policySeconds) return null
  const { name, type, ttlSeconds } = present
  return `${name} ${type} has a TTL of ${ttlSeconds} s, policy is ${policySeconds} s: after a failover users may be sent to the old address for that long`
}

/**
 * The same for all that was seen of a record: at its provider and at each authoritative server. One sentence, since it is
 * one thing to mend; null where policy is kept everywhere it could be seen.
 * @param present as its provider has it; null where that could not be read
 */
export function seenTtlProblem(
  record: Pick<RecordSet, 'name' | 'type' | 'ttlSeconds'>,
  present: RecordSet | null,
  observations: readonly ServerObservation[],
): string | null {
  const policySeconds = record.ttlSeconds
  const longer = observations.filter(({ ttlSeconds }) => ttlSeconds !== null && ttlSeconds > policySeconds)
  const ttlSeconds = Math.max(present?.ttlSeconds ?? 0, ...longer.map((look) => look.ttlSeconds ?? 0))
  const problem = ttlProblem({ ...record, ttlSeconds }, policySeconds)
  if (problem === null || longer.length === 0 || longer.length === observations.length) return problem
  return `${problem} (at ${[...new Set(longer.map(({ server }) => server))].join(', ')})`
}
