/** Which host of the applied configuration this machine is, for what runs on it without an agent. */
import type { Config } from '../domain/config.ts'
import { siteOfHost } from '../domain/copies.ts'
import { MusterError } from '../domain/failures.ts'
import { readAppliedConfig } from './applied-config.ts'
import { hostsHere } from './doctor/keys.ts'
import type { Places } from './places.ts'
import { localTrust } from './trust.ts'

export interface GuardedHost {
  readonly config: Config
  readonly host: string
  readonly site: string
}

/** This host and its site, by the configuration that was applied here. @throws MusterError InvalidInput, ConfigInvalid, KeyNotTrusted */
export async function guardedHost(places: Places, asked: { readonly host?: string; readonly site?: string }): Promise<GuardedHost> {
  const { config } = await readAppliedConfig(places, (await localTrust(places)).verifier, null)
  const hosts = Object.values(config.sites).flatMap((one) => [...one.hosts])
  const here = await hostsHere(places, hosts)
  const host = asked.host ?? here[0]
  if (host === undefined || (asked.host === undefined && here.length > 1)) {
    throw new MusterError('InvalidInput', `which host is this? ${here.length === 0 ? 'no key of a configured host' : `keys of ${here.join(', ')}`} lie here`, {
      hint: `say it: muster guard SYSTEM --host HOST, one of ${hosts.join(', ')}`,
    })
  }
  const site = siteOfHost(config, host)
  if (site === null || (asked.site !== undefined && asked.site !== site)) {
    throw new MusterError('InvalidInput', site === null ? `no site has a host "${host}"` : `host "${host}" is at site "${site}", not "${asked.site}"`, {
      hint: `hosts are: ${Object.entries(config.sites)
        .map(([name, one]) => `${one.hosts.join(', ')} at ${name}`)
        .join('; ')}`,
    })
  }
  return { config, host, site }
}
