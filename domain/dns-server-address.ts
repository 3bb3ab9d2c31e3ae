/** Where a DNS server answers, as people write it. */
import { canonicalDnsName } from './dns-values.ts'
import { MusterError } from './failures.ts'
import { canonicalIpv4, canonicalIpv6 } from './ip-address.ts'

const dnsPort = 53

/**
 * `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53`, `[2001:db8::53]:5353`, `ns1.example.com`, `ns1.example.com:5353`.
 * @throws MusterError InvalidInput
 */
export function parseDnsServer(text: string): { readonly host: string; readonly port: number } {
  const bare = canonicalIpv6(text)
  if (bare !== null) return { host: bare, port: dnsPort }
  const { inside, before = '', digits } = /^(?:\[(?<inside>[^\]]*)\]|(?<before>[^:[\]]*))(?::(?<digits>\d{1,5}))?$/.exec(text)?.groups ?? {}
  const host = inside === undefined ? nameOrIpv4(before) : canonicalIpv6(inside)
  const port = digits === undefined ? dnsPort : Number(digits)
  if (host !== null && port >= 1 && port <= 65_535) return { host, port }
  throw new MusterError('InvalidInput', `${JSON.stringify(text.slice(0, 80))} is not a DNS server, such as 192.0.2.53 or ns1.example.com:5353`)
}

function nameOrIpv4(text: string): string | null {
  if (/^[0-9.]*$/.test(text)) return canonicalIpv4(text)
  try {
    return canonicalDnsName(text)
  } catch (error) {
    if (error instanceof MusterError) return null
    throw error
  }
}
