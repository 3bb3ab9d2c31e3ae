/** Records that Muster does not change, whichever server is asked. */
import type { DnsRecordConfig } from '../../domain/config.ts'
import { type RecordSet, undeclaredProblem } from '../../domain/dns.ts'
import { MusterError } from '../../domain/failures.ts'

/** Of the type PreconditionFailed; another server would say the same. */
export class RecordRefused extends MusterError {
  constructor(message: string, hint: string) {
    super('PreconditionFailed', message, { hint })
  }
}

/** @throws RecordRefused for several values that nobody declared */
export function declared(present: RecordSet, record: DnsRecordConfig): RecordSet {
  const problem = undeclaredProblem(present, record.values)
  if (problem === null) return present
  throw new RecordRefused(problem, 'write all values of each site into muster.yaml, or leave one in the record')
}

export function isAlias(name: string, target: string): RecordRefused {
  return new RecordRefused(`${name} is an alias (CNAME) of ${target}`, 'write type: CNAME into muster.yaml, or the name of the record that it points to')
}
