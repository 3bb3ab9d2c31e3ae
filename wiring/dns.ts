/** The concrete DNS provider of a configured record. One line per provider. */
import { createCommandDns } from '../adapters/dns/command.ts'
import type { Dns } from '../adapters/dns/dns.ts'
import { createManualDns } from '../adapters/dns/manual.ts'
import type { Rfc2136Options } from '../adapters/dns/rfc2136.ts'
import { createRfc2136Dns } from '../adapters/dns/rfc2136.ts'
import type { Route53Options } from '../adapters/dns/route53.ts'
import { createRoute53Dns } from '../adapters/dns/route53.ts'
import type { SecretResolver } from '../adapters/secret/secret.ts'
import type { DnsRecordConfig } from '../domain/config.ts'
import { accessKey } from './access-key.ts'

/** Nothing is asked, and no secret resolved, before a method is called. */
export function createDns(record: DnsRecordConfig, secrets: SecretResolver, options: Rfc2136Options & Route53Options = {}): Dns {
  switch (record.provider) {
    case 'route53':
      return createRoute53Dns(record, () => accessKey(secrets, record.credentials), options)
    case 'rfc2136':
      return createRfc2136Dns(record, () => secrets.resolve(record.key.secret), options)
    case 'command':
      return createCommandDns(record, options)
    case 'manual':
      return createManualDns(record, options)
  }
}
