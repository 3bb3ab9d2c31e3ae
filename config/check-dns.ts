/** Whether DNS records fit to the sites, to each other and to themselves. */
import type { Config, DnsRecordConfig, DnsServerAddress } from '../domain/config.ts'
import { recordSet } from '../domain/dns.ts'
import { MusterError } from '../domain/failures.ts'
import { checkKnown } from './check-names.ts'
import type { Report } from './problems.ts'

/** The records of one system. Paths are reported below the list's own. */
export function checkDnsRecords(records: readonly DnsRecordConfig[], sites: readonly string[], report: Report): void {
  for (const [index, record] of records.entries()) {
    const below: Report = (path, message, at) => report([index, ...path], message, at)
    checkSites(record, sites, below)
    checkValues(record, below)
    checkServers(record, below)
    if (records.findIndex((other) => isSameRecord(other, record)) < index) report([index, 'name'], `the record ${record.name} ${record.type} is there twice`)
  }
}

/** A record follows one system: of two, each failover would take it from the other. */
export function checkDnsOwners(config: Config, report: Report): void {
  const seen: { readonly system: string; readonly record: DnsRecordConfig }[] = []
  for (const [system, { dns = [] }] of Object.entries(config.systems)) {
    for (const [index, record] of dns.entries()) {
      const owner = seen.find((other) => other.system !== system && isSameRecord(other.record, record))
      if (owner)
        report(
          ['systems', system, 'dns', index, 'name'],
          `the record ${record.name} ${record.type} belongs to system ${owner.system}; one record follows one system`,
        )
      seen.push({ system, record })
    }
  }
}

function isSameRecord(one: DnsRecordConfig, other: DnsRecordConfig): boolean {
  return one.name === other.name && one.type === other.type
}

function checkSites(record: DnsRecordConfig, sites: readonly string[], report: Report): void {
  for (const site of Object.keys(record.values)) checkKnown(site, sites, 'site', ['values', site], report)
  for (const [index, { site }] of record.nameServers.entries()) {
    if (site !== undefined) checkKnown(site, sites, 'site', ['nameServers', index, 'site'], report)
  }
  if (record.provider !== 'rfc2136') return
  for (const [index, { site }] of record.servers.entries()) checkKnown(site, sites, 'site', ['servers', index, 'site'], report)
}

function checkValues({ name, type, zone, ttlSeconds, values }: DnsRecordConfig, report: Report): void {
  if (type === 'CNAME' && name === zone) report(['type'], `${name} is the apex of its zone, which cannot be a CNAME`, 'key')
  const texts = Object.entries(values).map(([site, list]) => ({ site, text: list.join(' ') }))
  for (const [index, { site, text }] of texts.entries()) {
    if (type === 'CNAME' && text === name) report(['values', site], `${name} cannot be an alias of itself`)
    // Where two sites have the same values, a change would not be seen by anyone.
    const same = texts.slice(0, index).find((earlier) => earlier.text === text)
    if (same) report(['values', site], `has the values of site ${same.site}: a failover would change nothing`)
    try {
      recordSet({ name, type, ttlSeconds, values: values[site] ?? [] })
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      report(['values', site], error.message)
    }
  }
}

function checkServers({ nameServers, minimumObserved }: DnsRecordConfig, report: Report): void {
  const texts = nameServers.map(serverText)
  for (const [index, text] of texts.entries()) {
    if (texts.indexOf(text) < index) report(['nameServers', index], `the server ${text} is listed twice`)
  }
  const count = new Set(texts).size
  if (count > 0 && minimumObserved > count)
    report(['minimumObserved'], `is ${minimumObserved}, but there are ${count} nameServers: no change could ever be observed`)
}

function serverText({ host, port }: DnsServerAddress): string {
  return `${host}:${port}`
}
