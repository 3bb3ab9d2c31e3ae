/** Whether what a system is at the other site fits to the hosts, stores and people there. */
import type { Config, SystemConfig } from '../domain/config.ts'
import { judgeCopies, siteOfHost } from '../domain/copies.ts'
import { checkKnown } from './check-names.ts'
import type { Report } from './problems.ts'

/** Paths are reported below the failover's own. */
export function checkFailover(config: Config, system: SystemConfig, report: Report): void {
  const { failover } = system
  if (!failover) return
  const home = new Set(Object.values(system.components).map(({ host }) => siteOfHost(config, host)))
  if (home.has(failover.to)) report(['to'], `is the site where the system is at home; name another`)
  for (const [name, component] of Object.entries(failover.components)) {
    const path = ['components', name]
    for (const [index, store] of component.stores.entries()) checkKnown(store, Object.keys(config.stores), 'store', [...path, 'stores', index], report)
    const unreached = component.stores.find((store) => config.stores[store] && !config.stores[store].hosts.includes(component.host))
    if (unreached !== undefined) report([...path, 'stores'], `store ${unreached} is not reached by host ${component.host}; add the host to the store's hosts`)
    if (component.stores.length === 0) {
      report(
        path,
        `no store is reached by host ${component.host} of site ${failover.to}, so nothing could be restored there; add it to the hosts of a store`,
        'key',
      )
      continue
    }
    if (!config.encryption.restoreHosts.includes(component.host)) {
      report(path, `host ${component.host} is not among encryption.restoreHosts, so it could not read the backups`, 'key')
    }
    const shared = system.components[name]?.stores.some((store) => component.stores.includes(store))
    if (!shared) report(path, `no store holds copies of ${name} that host ${component.host} reaches; give it one to which ${name} is backed up`, 'key')
    const { met, missing } = judgeCopies(config, failover.copies.required, component.host, component.stores)
    if (!met)
      report(
        ['copies'],
        `what is required cannot be met for ${name} at ${failover.to}: its stores there (${component.stores.join(', ')}) can give ${missing}`,
        'key',
      )
  }
}
