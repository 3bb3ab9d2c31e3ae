/** Names and values of DNS records: one spelling for each, and nothing that a DNS server or a tool could misread. */
import { MusterError } from './failures.ts'
import { canonicalIpv4, canonicalIpv6 } from './ip-address.ts'

/** What Muster changes. Records of other types do not say where a service is, or cannot be compared safely. */
export const dnsRecordTypes = ['A', 'AAAA', 'CNAME'] as const
export type DnsRecordType = (typeof dnsRecordTypes)[number]

const longestName = 253

/**
 * A name from the root, in lower case and with a dot at its end.
 * @throws MusterError InvalidInput for anything but letters, digits, `-` and `_`: no wildcard, no escape, no other script
 */
export function canonicalDnsName(text: string): string {
  const name = text.replace(/\.$/, '')
  // Judged before it is made lower case: U+212A, the sign of the kelvin, would become a plain k.
  const isName = name.length <= longestName && name.split('.').every((label) => /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/.test(label))
  if (isName) return `${name.toLowerCase()}.`
  throw new MusterError('InvalidInput', `${shown(text)} is not a name in DNS, such as app.example.com.`, {
    hint: 'write letters, digits, - and _ between dots; names in other scripts in their xn-- form',
  })
}

/**
 * A value in its one spelling.
 * @throws MusterError InvalidInput when it is no value of that type
 */
export function canonicalDnsValue(type: DnsRecordType, text: string): string {
  if (type === 'CNAME') return canonicalDnsName(text)
  const address = type === 'A' ? canonicalIpv4(text) : canonicalIpv6(text)
  if (address !== null) return address
  const example = type === 'A' ? '192.0.2.1' : '2001:db8::1'
  throw new MusterError('InvalidInput', `${shown(text)} is not the value of a record of type ${type}, such as ${example}`, {
    hint: 'correct the value in muster.yaml',
  })
}

/**
 * What a server answered, in the spelling of `canonicalDnsValue`. What Muster would never write is kept in quotes,
 * so that it can be shown and is equal to nothing that was wanted.
 */
export function observedDnsValue(type: DnsRecordType, text: string): string {
  try {
    return canonicalDnsValue(type, text)
  } catch (error) {
    if (error instanceof MusterError) return shown(text)
    throw error
  }
}

/** Whether a name lies in a zone or is its apex; both canonical. */
export function isInZone(name: string, zone: string): boolean {
  return name === zone || name.endsWith(`.${zone}`)
}

/** In quotes, escaped and cut: what a stranger sent must not move the cursor of a terminal. */
function shown(text: string): string {
  const start = text.length > 80 ? `${text.slice(0, 80)}…` : text
  return JSON.stringify(start).replaceAll(/[^\x20-\x7e…]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
