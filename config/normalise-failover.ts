/** Where a system goes when its site is lost, as written → what it consists of there, in full. */
import type { ApprovalsConfig, ComponentConfig, Config, FailoverConfig, ServiceConfig, SystemConfig } from '../domain/config.ts'
import { parseDuration } from '../domain/durations.ts'
import { defined } from './defined.ts'
import { normaliseApprovals } from './normalise-approvals.ts'
import { normaliseServer, plainHost } from './normalise-component.ts'
import { normaliseService } from './normalise-service.ts'
import { oneHost, plainPath } from './normalise-values.ts'
import type { Report } from './problems.ts'
import type { WrittenFailover } from './schema-failover.ts'

export interface FailoverSurroundings {
  readonly sites: Config['sites']
  readonly stores: Config['stores']
  /** How many people may approve. */
  readonly approvers: number
}

/** Paths are reported below the failover's own. */
export function normaliseFailover(
  written: WrittenFailover,
  system: Pick<SystemConfig, 'components' | 'services' | 'copies' | 'restore'>,
  around: FailoverSurroundings,
  report: Report,
): FailoverConfig {
  const hosts = around.sites[written.to]?.hosts ?? []
  if (around.sites[written.to] === undefined) report(['to'], `there is no site "${written.to}"; there are: ${Object.keys(around.sites).join(', ')}`)
  else if (hosts.length === 0) report(['to'], `site ${written.to} has no host, so nothing can be started there`)
  for (const name of Object.keys(written.components)) {
    if (system.components[name] === undefined) {
      report(['components', name], `there is no component "${name}"; there are: ${Object.keys(system.components).join(', ')}`, 'key')
    }
  }
  const components = Object.entries(system.components).map(([name, component]) => {
    const path = ['components', name]
    return [
      name,
      componentThere(component, written.components[name] ?? {}, hosts, around.stores, (at, message, where) => report([...path, ...at], message, where)),
    ]
  })
  if (written.refreshEvery !== undefined && written.mode !== 'warm') report(['refreshEvery'], 'belongs to mode: warm', 'key')
  return defined({
    to: written.to,
    mode: written.mode,
    refreshEverySeconds: written.mode === 'warm' ? parseDuration(written.refreshEvery ?? '1m') : undefined,
    maxLossSeconds: written.maxLoss === undefined ? undefined : parseDuration(written.maxLoss),
    approvals: approvalsOf(written, system, around.approvers),
    copies: written.copies ?? system.copies,
    components: Object.fromEntries(components) as Record<string, ComponentConfig>,
    services: servicesThere(written, system.services, hosts, report),
    fence: written.fence && { command: written.fence.command, proof: written.fence.proof, timeoutSeconds: parseDuration(written.fence.timeout) },
  })
}

/** Several people can each prove who they are, so that a failover is not started by whoever types a name. */
function approvalsOf(written: WrittenFailover, { restore }: Pick<SystemConfig, 'restore'>, approvers: number): ApprovalsConfig {
  if (written.approvals) return normaliseApprovals(written.approvals, approvers)
  return approvers >= 2 ? { ...restore.approvals, accept: 'signed' } : restore.approvals
}

function componentThere(
  here: ComponentConfig,
  there: WrittenFailover['components'][string],
  hosts: readonly string[],
  stores: Config['stores'],
  report: Report,
): ComponentConfig {
  const host = oneHost(there.host, hosts, 'this component there', (message) => report([], message, 'key'))
  if (there.host !== undefined && !hosts.includes(there.host))
    report(['host'], `host ${there.host} is not at the site it goes to, which has: ${hosts.join(', ')}`)
  const reached = Object.entries(stores).flatMap(([name, store]) => (store.hosts.includes(host) ? [name] : []))
  const common = { host, stores: there.stores ?? reached }
  const { runAs } = there
  refuseOthers(here, there, report)
  if (here.type === 'files') return { ...here, ...common, ...defined({ paths: there.paths?.map(plainPath), runAs }) }
  return {
    ...here,
    ...common,
    ...defined({
      dataDirectory: there.dataDirectory === undefined ? undefined : plainPath(there.dataDirectory),
      binDirectory: there.binDirectory === undefined ? undefined : plainPath(there.binDirectory),
      connection: there.connection && defined({ ...there.connection, host: plainHost(there.connection.host) }),
      server: there.server && normaliseServer(there.server),
      runAs,
    }),
  }
}

const ofDatabases = ['dataDirectory', 'connection', 'binDirectory', 'server'] as const

/** Keys that belong to the other kind of component, and trees that do not pair up. */
function refuseOthers(here: ComponentConfig, there: WrittenFailover['components'][string], report: Report): void {
  const foreign = here.type === 'files' ? ofDatabases.find((key) => there[key] !== undefined) : there.paths === undefined ? undefined : 'paths'
  if (foreign !== undefined) report([foreign], `does not belong to a component of type ${here.type}`, 'key')
  if (here.type === 'files' && there.paths !== undefined && there.paths.length !== here.paths.length) {
    report(['paths'], `has ${there.paths.length} paths, and the component has ${here.paths.length}; write one for each, in the same order`)
  }
}

function servicesThere(written: WrittenFailover, here: readonly ServiceConfig[], hosts: readonly string[], report: Report): readonly ServiceConfig[] {
  const hostOf = (name: string, host: string | undefined) => oneHost(host, hosts, `service ${name} there`, (message) => report(['services'], message, 'key'))
  if (written.services === undefined) return here.map((service) => ({ ...service, host: hostOf(service.name, undefined) }))
  return Object.entries(written.services).map(([name, service]) => {
    if (service.host !== undefined && !hosts.includes(service.host)) {
      report(['services', name, 'host'], `host ${service.host} is not at the site it goes to, which has: ${hosts.join(', ')}`)
    }
    return normaliseService(name, service, hostOf(name, service.host))
  })
}
