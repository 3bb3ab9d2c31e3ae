/** What one key alone cannot show: whether the names, places and numbers of a configuration fit together. */
import type { Config, StoreConfig } from '../domain/config.ts'
import { siteOfHost } from '../domain/copies.ts'
import { checkContacts } from './check-contacts.ts'
import { checkDnsOwners } from './check-dns.ts'
import { checkKnown, checkTwice } from './check-names.ts'
import { checkSystem } from './check-systems.ts'
import { checkOverlaps } from './path-overlaps.ts'
import type { Report } from './problems.ts'

/** Clock changes of zones are looked up from `now` on. */
export function crossCheck(config: Config, now: Date, report: Report): void {
  checkSites(config, report)
  const hosts = Object.values(config.sites).flatMap((site) => site.hosts)
  for (const [name, store] of Object.entries(config.stores)) checkStore(config, name, store, hosts, report)
  config.encryption.restoreHosts.forEach((host, index) => {
    checkKnown(host, hosts, 'host', ['encryption', 'restoreHosts', index], report)
  })
  checkTwice(config.encryption.recipients, ['encryption', 'recipients'], 'recipient', report)
  checkTwice(config.encryption.restoreHosts, ['encryption', 'restoreHosts'], 'host', report)
  checkKit(config, report)
  checkContacts(config, report)
  for (const [name, system] of Object.entries(config.systems)) {
    checkSystem(config, system, hosts, now, (path, message, at) => report(['systems', name, ...path], message, at))
  }
  checkOverlaps(config, report)
  checkDnsOwners(config, report)
}

function checkSites(config: Config, report: Report): void {
  const homes = new Map<string, string>()
  for (const [name, site] of Object.entries(config.sites)) {
    site.hosts.forEach((host, index) => {
      const other = homes.get(host)
      if (other !== undefined) report(['sites', name, 'hosts', index], `host "${host}" is listed twice${other === name ? '' : `: at site ${other} too`}`)
      homes.set(host, name)
    })
  }
}

function checkKit({ recoveryKit, sites }: Config, report: Report): void {
  const { recipients = [], secrets = [] } = recoveryKit ?? {}
  for (const [index, name] of (recoveryKit?.sites ?? []).entries()) {
    const path = ['recoveryKit', 'sites', index]
    if (checkKnown(name, Object.keys(sites), 'site', path, report) && sites[name]?.hosts.length === 0)
      report(path, `site ${name} has no hosts: nobody there needs a kit`)
  }
  checkTwice(recipients, ['recoveryKit', 'recipients'], 'recipient', report)
  checkTwice(secrets, ['recoveryKit', 'secrets'], 'secret', report)
}

function checkStore(config: Config, name: string, store: StoreConfig, hosts: readonly string[], report: Report): void {
  const path = ['stores', name]
  store.hosts.forEach((host, index) => {
    checkKnown(host, hosts, 'host', [...path, 'hosts', index], report)
  })
  checkTwice(store.hosts, [...path, 'hosts'], 'host', report)
  checkKnown(store.site, Object.keys(config.sites), 'site', [...path, 'site'], report)
  if (store.type === 's3') return
  const disks = store.host === undefined ? (store.mountRequired ? [] : store.hosts) : [store.host]
  for (const host of disks) {
    const site = siteOfHost(config, host)
    if (site !== null && site !== store.site) {
      report([...path, 'site'], `this directory is on host ${host} of site ${site}, so it does not stand at site ${store.site}`)
    }
  }
}
