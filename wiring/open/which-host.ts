/** Which host of the configuration this machine is to be. */
import type { Config } from '../../domain/config.ts'
import { siteOfHost } from '../../domain/copies.ts'
import { MusterError } from '../../domain/failures.ts'
import { kitSites } from '../../domain/recovery-kit.ts'

export interface OpenedAs {
  readonly host: string
  readonly site: string
}

/** The named one, or the only one of the sites that have a kit. @throws MusterError InvalidInput */
export function whichHost(config: Config, asked: string | null): OpenedAs {
  const known = Object.entries(config.sites).flatMap(([site, { hosts }]) => hosts.map((host) => ({ host, site })))
  const choose = () => `say which host this machine is: --host HOST, one of ${known.map(({ host, site }) => `${host} (${site})`).join(', ')}`
  if (asked !== null) {
    const site = siteOfHost(config, asked)
    if (site === null) throw new MusterError('InvalidInput', `the configuration has no host "${asked}"`, { hint: choose() })
    return { host: asked, site }
  }
  const sites = kitSites(config)
  const candidates = known.length === 1 ? known : known.filter(({ site }) => sites.includes(site))
  const [only, ...others] = candidates
  if (only && others.length === 0) return only
  throw new MusterError('InvalidInput', candidates.length === 0 ? 'no system fails over to another site' : 'several hosts have a recovery kit', {
    hint: choose(),
  })
}
