/** Whether vantage points exist, can form a quorum, and have something to ask that they can reach. */
import type { Config, HealthCheck, ServiceConfig, SystemConfig } from '../domain/config.ts'
import { siteOfHost, siteOfSystem } from '../domain/copies.ts'
import { checkKnown, checkTwice } from './check-names.ts'
import type { Report } from './problems.ts'

/** Paths are reported below the probes' own. */
export function checkProbes({ probes, services, failover }: SystemConfig, hosts: readonly string[], report: Report): void {
  if (!probes) return
  probes.from.forEach((host, index) => void checkKnown(host, hosts, 'host', ['from', index], report))
  checkTwice(probes.from, ['from'], 'host', report)
  const many = probes.from.length
  if (probes.quorum > many) report(['quorum'], `is ${probes.quorum}, and there are ${many} vantage points`)
  else if (probes.quorum * 2 <= many) {
    report(
      ['quorum'],
      `must be more than half of the ${many} vantage points, at least ${Math.floor(many / 2) + 1}: else two halves of a network could both be right`,
    )
  }
  if (!('service' in probes.check)) return
  checkService(probes.check.service, services, 'at home', report)
  if (failover) checkService(probes.check.service, failover.services, `at ${failover.to}`, report)
}

function checkService(name: string, services: readonly ServiceConfig[], where: string, report: Report): void {
  const path = ['check', 'service']
  const service = services.find((one) => one.name === name)
  const known = services.map((one) => one.name)
  if (!service) return report(path, `there is no service "${name}" ${where}; there are: ${known.join(', ') || 'none'}`)
  const address = addressOf(service.health)
  if (address === null) return report(path, `service ${name} ${where} has no health check by http or tcp that another host could ask`)
  if (isOwnMachine(address))
    report(path, `the health check of service ${name} ${where} asks the machine itself (${address}); write http or tcp with the address that users call`)
}

function addressOf(health: HealthCheck | undefined): string | null {
  if (!health || 'command' in health) return null
  return 'http' in health ? new URL(health.http).hostname : health.tcp.replace(/:\d+$/, '')
}

function isOwnMachine(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d+){3}$/.test(host)
}

/** A site is not seen to be lost by those who are lost with it. */
export function probeWarnings(config: Config, name: string): readonly string[] {
  const { probes } = config.systems[name] ?? {}
  if (!probes) return []
  const home = siteOfSystem(config, name)
  const asked = 'service' in probes.check ? null : addressOf(probes.check)
  const own =
    asked !== null && isOwnMachine(asked)
      ? [`system ${name}: its probes ask the machine on which each agent runs (${asked}), not the system as users reach it`]
      : []
  const outside = probes.from.filter((host) => siteOfHost(config, host) !== home).length
  if (outside >= probes.quorum) return own
  return [
    ...own,
    `system ${name}: ${outside} of its vantage points are outside of site ${home} and the quorum is ${probes.quorum}: when the site is lost with its agents, that cannot be said`,
  ]
}
