/** Record sets of DNS, and what may become of them: compared, changed only from what was expected, never emptied. */
import { type DnsRecordType, canonicalDnsName, canonicalDnsValue } from './dns-values.ts'
import { MusterError } from './failures.ts'

/** All records of one name and type. Made by `recordSet`, so that two that are the same have the same text. */
export interface RecordSet {
  /** From the root, lower case, with a dot at its end. */
  readonly name: string
  readonly type: DnsRecordType
  readonly ttlSeconds: number
  /** Sorted, each once, at least one. */
  readonly values: readonly string[]
}

const longestTtlSeconds = 2 ** 31 - 1
const mostValues = 100
const mostShown = 8

/**
 * A record set in its one spelling.
 * @throws MusterError InvalidInput for names and values that are none, and for a set without a value: no procedure
 *   empties a record
 */
export function recordSet(written: RecordSet): RecordSet {
  const name = canonicalDnsName(written.name)
  const { type, ttlSeconds } = written
  const values = [...new Set(written.values.map((value) => canonicalDnsValue(type, value)))].sort()
  const what = `the record ${name} ${type}`
  if (values.length === 0) {
    throw new MusterError('InvalidInput', `${what} would be left without a value; Muster never empties a record`, {
      hint: 'say which value it shall have; remove a record by hand where that is meant',
    })
  }
  if (values.length > mostValues) throw new MusterError('InvalidInput', `${what} has ${values.length} values, at most ${mostValues} can be written at once`)
  if (type === 'CNAME' && values.length > 1) throw new MusterError('InvalidInput', `${what} has ${values.length} values; a CNAME has one`)
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 0 || ttlSeconds > longestTtlSeconds) {
    throw new MusterError('InvalidInput', `the TTL of ${what} is ${ttlSeconds}; it must be a whole number of seconds`)
  }
  return { name, type, ttlSeconds, values }
}

/** Whether the same name has the same values; how long they may be remembered is another question. */
export function sameValues(one: RecordSet, other: RecordSet): boolean {
  return one.name === other.name && one.type === other.type && one.values.join(' ') === other.values.join(' ')
}

/** The text that decisions and evidence carry: the lines of a zone file, one for each value. */
export function recordSetText(set: RecordSet): string {
  return set.values.map((value) => `${set.name} ${set.ttlSeconds} IN ${set.type} ${value}`).join('\n')
}

/** For messages: `app.example.com. A 192.0.2.1 + 192.0.2.2`. */
export function describeRecordSet(set: RecordSet): string {
  return `${set.name} ${set.type} ${describeValues(set.values)}`
}

/** What a stranger sent may have a thousand values; a message has room for a few. */
export function describeValues(values: readonly string[]): string {
  const shown = values.slice(0, mostShown).join(' + ')
  if (values.length > mostShown) return `${shown} + ${values.length - mostShown} more`
  return values.length === 0 ? 'nothing' : shown
}

/** One change of one record. Whose TTL is expected does not matter: TTL is policy, and who raised it changed no address. */
export interface WantedChange {
  /** What the plan found there. */
  readonly expected: RecordSet
  readonly wanted: RecordSet
}

/**
 * What a compare-and-set has to do: nothing when the record is as wanted, TTL included; replace it when it has the
 * values that were expected (or those wanted, with another TTL).
 * @param present what was just read; null where the name has no such record
 * @throws MusterError PlanChanged when it is neither; InvalidInput when the two are not of one record, or were not made
 *   by `recordSet`: nothing else may reach a DNS server
 */
export function decideChange(present: RecordSet | null, { expected, wanted }: WantedChange): 'already' | 'replace' {
  for (const set of [expected, wanted]) checkSpelling(set)
  if (expected.name !== wanted.name || expected.type !== wanted.type) {
    throw new MusterError('InvalidInput', `${describeRecordSet(expected)} and ${describeRecordSet(wanted)} are not the same record`)
  }
  if (present !== null && sameValues(present, wanted)) return present.ttlSeconds === wanted.ttlSeconds ? 'already' : 'replace'
  if (present !== null && sameValues(present, expected)) return 'replace'
  const holds = present === null ? 'does not exist' : `is ${describeValues(present.values)}`
  const either = `neither ${describeValues(expected.values)} (expected) nor ${describeValues(wanted.values)} (wanted)`
  throw new MusterError('PlanChanged', `${wanted.name} ${wanted.type} ${holds}, ${either}: nothing was changed`, {
    hint: 'somebody changed the record since the plan was made; find out who and why, then make a new plan',
  })
}

/** Who hands in a set of another spelling has not checked its values. */
function checkSpelling(set: RecordSet): void {
  if (recordSetText(recordSet(set)) === recordSetText(set)) return
  throw new MusterError('InvalidInput', `the record set ${JSON.stringify(describeRecordSet(set))} is not in its one spelling`)
}

/**
 * Several values are a choice that clients make by chance; nobody changes one who did not know of them.
 * @param declared the values by site, as configured
 * @returns a sentence when there are several and no site has several, else null
 */
export function undeclaredProblem(present: RecordSet, declared: Readonly<Record<string, readonly string[]>>): string | null {
  const { name, type, values } = present
  if (values.length <= 1 || Object.values(declared).some((site) => site.length > 1)) return null
  return `${name} ${type} has ${values.length} values, ${describeValues(values)}, and muster.yaml declares one`
}
