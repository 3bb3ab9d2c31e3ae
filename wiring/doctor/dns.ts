/** DNS records: key and rights, every authoritative server, the TTL, and what a lost site would take away. */
import { examineDns } from '../../activities/site/dns/examine-dns.ts'
import { createSecretResolver } from '../../adapters/secret/resolver.ts'
import { dnsRecordId } from '../../domain/dns-plan.ts'
import { createDns } from '../dns.ts'
import type { Examined, Findings } from './findings.ts'

/** A person waits: a provider that is busy or silent is not asked for longer. */
const retrySeconds = 10
const recordSeconds = 120

export async function examineDnsRecords(findings: Findings, { config, systems }: Examined): Promise<void> {
  const secrets = createSecretResolver()
  const records = systems.flatMap((system) => (config.systems[system]?.dns ?? []).map((record) => ({ system, record })))
  await Promise.all(
    records.map(async ({ system, record }) => {
      const about = `dns ${system} ${dnsRecordId(record)}`
      const signal = AbortSignal.timeout(recordSeconds * 1000)
      const found = await findings.look(about, () => examineDns(record, createDns(record, secrets, { retrySeconds }), signal), { seconds: recordSeconds })
      for (const finding of found?.findings ?? []) {
        if (finding.severity === 'ok') findings.ok(about, finding.message)
        else findings[finding.severity](about, finding.message, finding.hint)
      }
    }),
  )
}
