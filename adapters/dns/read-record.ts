/** Reading one record from one authoritative server. */
import type { DnsRecordConfig } from '../../domain/config.ts'
import type { RecordSet } from '../../domain/dns.ts'
import { MusterError } from '../../domain/failures.ts'
import { recordIn, refusalOf } from './answers.ts'
import { ask, placeText, type ServerPlace } from './ask.ts'
import { declared, isAlias } from './refused-records.ts'

/**
 * What that server serves; null when it says with authority that there is no such record.
 * @throws MusterError Unreachable (no answer, SERVFAIL), PreconditionFailed (it does not serve the zone), RecordRefused (an
 *   alias, several values that nobody declared), Cancelled
 */
export async function readRecord(place: ServerPlace, record: DnsRecordConfig, signal?: AbortSignal): Promise<RecordSet | null> {
  const { name, type } = record
  const answer = await ask(place, { name, type }, signal)
  const refusal = refusalOf(answer)
  if (refusal !== null) throw refused(`the DNS server ${placeText(place)} ${refusal}, asked for ${name} ${type}`, answer.rcode, record.zone)
  const { values, ttlSeconds, aliasOf } = recordIn(answer, name, type)
  if (aliasOf !== null) throw isAlias(name, aliasOf)
  return values.length === 0 ? null : declared({ name, type, ttlSeconds: ttlSeconds ?? 0, values }, record)
}

function refused(message: string, code: string, zone: string): MusterError {
  if (code === 'SERVFAIL')
    return new MusterError('Unreachable', message, { hint: `look at the log of that server: ${zone} is not loaded, or has expired there` })
  return new MusterError('PreconditionFailed', message, { hint: `write servers of ${zone} into muster.yaml that answer this host` })
}
