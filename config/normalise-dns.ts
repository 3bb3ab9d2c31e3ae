/** One DNS record as written → as it counts. */
import type { DnsRecordConfig } from '../domain/config.ts'
import { parseDnsServer } from '../domain/dns-server-address.ts'
import { canonicalDnsName, canonicalDnsValue } from '../domain/dns-values.ts'
import { parseDuration } from '../domain/durations.ts'
import { defined } from './defined.ts'
import type { WrittenDnsRecord } from './schema-dns.ts'

export function normaliseDnsRecord(written: WrittenDnsRecord): DnsRecordConfig {
  const common = normaliseCommon(written)
  switch (written.provider) {
    case 'route53': {
      const { provider, hostedZone, credentials, region, endpoint, setIdentifier, settleTimeout } = written
      const settleSeconds = parseDuration(settleTimeout)
      return { ...common, provider, hostedZone, credentials, region, settleSeconds, ...defined({ endpoint: endpoint?.replace(/\/+$/, ''), setIdentifier }) }
    }
    case 'rfc2136': {
      const { provider, servers, key } = written
      return {
        ...common,
        provider,
        servers: servers.map(({ server, site }) => ({ ...parseDnsServer(server), site })),
        key: { ...key, name: canonicalDnsName(key.name) },
      }
    }
    case 'command': {
      const { provider, read, change, timeout, runAs } = written
      return { ...common, provider, read, change, timeoutSeconds: parseDuration(timeout), ...defined({ runAs }) }
    }
    case 'manual':
      return { ...common, provider: written.provider }
  }
}

function normaliseCommon({ name: writtenName, type, zone, ttl, values, nameServers, minimumObserved }: WrittenDnsRecord) {
  const name = canonicalDnsName(writtenName)
  return {
    name,
    type,
    zone: zone === undefined ? withoutFirstPart(name) : canonicalDnsName(zone),
    ttlSeconds: parseDuration(ttl),
    values: Object.fromEntries(Object.entries(values).map(([site, texts]) => [site, canonicalValues(type, texts)])),
    nameServers: nameServers.map(({ server, site }) => ({ ...parseDnsServer(server), ...defined({ site }) })),
    minimumObserved,
  }
}

function canonicalValues(type: DnsRecordConfig['type'], texts: readonly string[]): readonly string[] {
  return [...new Set(texts.map((text) => canonicalDnsValue(type, text)))].sort()
}

/** `app.kennel.example.` lies in `kennel.example.`, unless somebody says otherwise. */
function withoutFirstPart(name: string): string {
  return name.slice(name.indexOf('.') + 1) || name
}
