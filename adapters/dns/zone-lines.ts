/** Lines of a zone file, as a command prints them: `app.example.com. 60 IN A 192.0.2.1`. */
import type { RecordSet } from '../../domain/dns.ts'
import { canonicalDnsName, type DnsRecordType, observedDnsValue } from '../../domain/dns-values.ts'
import { MusterError } from '../../domain/failures.ts'
import { isAlias } from './refused-records.ts'

interface Line {
  readonly name: string
  readonly ttlSeconds: number
  readonly type: string
  readonly value: string
}

/**
 * The record set that the lines show; null when none of them is of that record. Comments, and lines of other names, are
 * passed over: `dig` shows the whole chain of an alias.
 * @throws MusterError CommandFailed for a line that is none, PreconditionFailed when the name is an alias
 */
export function recordInLines(text: string, name: string, type: DnsRecordType): RecordSet | null {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith(';'))
    .map(parseLine)
    .filter((line) => line.name === name)
  const alias = lines.find((line) => line.type === 'CNAME')
  if (alias && type !== 'CNAME') throw isAlias(name, observedDnsValue('CNAME', alias.value))
  const own = lines.filter((line) => line.type === type)
  if (own.length === 0) return null
  const values = [...new Set(own.map(({ value }) => observedDnsValue(type, value)))].sort()
  return { name, type, values, ttlSeconds: Math.max(...own.map(({ ttlSeconds }) => ttlSeconds)) }
}

function parseLine(line: string): Line {
  const match = /^(?<name>\S+)\s+(?<ttl>\d{1,10})\s+IN\s+(?<type>[A-Z0-9]+)\s+(?<value>.+)$/i.exec(line)?.groups
  const { name = '', ttl = '', type = '', value = '' } = match ?? {}
  if (match && isName(name)) return { name: canonicalDnsName(name), ttlSeconds: Number(ttl), type: type.toUpperCase(), value }
  throw new MusterError('CommandFailed', `the command that reads the record prints ${JSON.stringify(line.slice(0, 100))}, which is no line of a zone file`, {
    hint: 'let it print NAME TTL IN TYPE VALUE, as dig +noall +answer does',
  })
}

function isName(text: string): boolean {
  try {
    canonicalDnsName(text)
    return true
  } catch (error) {
    if (error instanceof MusterError) return false
    throw error
  }
}
