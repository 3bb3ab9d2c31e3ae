/** What to give systemd so that it asks the guard. */
import type { PrintedUnits } from '../clients/cli/guard.ts'
import { dropInPath, dropInText, guardedUnits, unguardedNames } from '../domain/guard-units.ts'
import { MusterError } from '../domain/failures.ts'
import { sitesOf } from '../domain/placement.ts'
import { storesToConsult } from '../repository/consult-stores.ts'
import { guardedHost } from './guarded-host.ts'
import { ownCommand } from './own-command.ts'
import type { Places } from './places.ts'

/** @throws MusterError as guardedHost; NothingToDo where the system has no other site */
export async function guardUnits(places: Places, system: string, asked: { readonly host?: string; readonly site?: string }): Promise<PrintedUnits> {
  const { config, host, site } = await guardedHost(places, asked)
  if (sitesOf(config, system).length < 2) {
    throw new MusterError('NothingToDo', `system "${system}" has no other site, so it needs no guard`, { hint: 'write failover for it in muster.yaml first' })
  }
  const own = [...ownCommand(), '--config', places.configFile, 'guard', system, '--host', host]
  const command = ['/usr/bin/env', `MUSTER_HOME=${places.home}`, `MUSTER_KEYS=${places.keys}`, ...own]
  const units = guardedUnits(config, system, host, site).map(({ unit, serves }) => ({ unit, serves, path: dropInPath(unit), text: dropInText(command) }))
  const outside = storesToConsult(config, host, site).filter((one) => one.outside)
  const warnings =
    outside.length > 0
      ? []
      : [`host "${host}" reaches no store that stands outside site "${site}": its guard will refuse whatever Muster does not start itself; give it one`]
  for (const { name } of outside) {
    const store = config.stores[name]
    const secrets = store?.type === 's3' ? Object.values(store.credentials).filter((reference) => reference.startsWith('env:')) : []
    if (secrets.length > 0) warnings.push(`store "${name}" takes its credentials from ${secrets.join(', ')}, which systemd does not have: use file:`)
  }
  return { host, site, units, others: unguardedNames(config, system, host, site), command, warnings }
}
