/**
 * What a system consists of at a site. A system stands at home as its components say, and at the site of its failover as
 * that says; everything that works on a host sees the configuration as it is at the site of that host, so that no step has
 * to know where it is.
 */
import type { Config, SystemConfig } from './config.ts'
import { siteOfSystem } from './copies.ts'
import { MusterError } from './failures.ts'

/** The configuration as agents of a site see it: each system that can be there, as it is there. */
export function placedAt(config: Config, site: string): Config {
  return placed(config, () => site)
}

/** The configuration with one system as it is at a site, the others at home. */
export function placedSystem(config: Config, system: string, site: string): Config {
  return placed(config, (name) => (name === system ? site : null))
}

/** @param siteOf where a system is looked at; null at home */
export function placed(config: Config, siteOf: (system: string) => string | null): Config {
  const systems = Object.entries(config.systems).map(([name, system]): [string, SystemConfig] => {
    const { failover } = system
    if (!failover || siteOf(name) !== failover.to) return [name, system]
    const { components, services, copies } = failover
    return [name, { ...system, components, services, copies }]
  })
  return { ...config, systems: Object.fromEntries(systems) }
}

/** Sites where a system can be, home first. @param config as it was applied, not placed */
export function sitesOf(config: Config, system: string): readonly string[] {
  const home = siteOfSystem(config, system)
  const away = config.systems[system]?.failover?.to
  return away === undefined || away === home ? [home] : [home, away]
}

/**
 * The site a system moves to from the one where it is active.
 * @throws MusterError InvalidInput when it has no other
 */
export function otherSite(config: Config, system: string, active: string): string {
  const other = sitesOf(config, system).find((site) => site !== active)
  if (other !== undefined) return other
  throw new MusterError('InvalidInput', `system "${system}" has no other site than ${active}`, {
    hint: 'write failover for it in muster.yaml, then: muster apply',
  })
}
