/** Whether the components, backups and approvals of one system fit together and to the stores and hosts. */
import type { ApprovalsConfig, ComponentConfig, Config, DrillRule, SystemConfig } from '../domain/config.ts'
import { judgeCopies } from '../domain/copies.ts'
import { MusterError } from '../domain/failures.ts'
import { checkScheduleZone, parseSchedule } from '../domain/schedule-spec.ts'
import { checkFailover } from './check-failover.ts'
import { checkDnsRecords } from './check-dns.ts'
import { checkProbes } from './check-probes.ts'
import { checkKnown, checkTwice } from './check-names.ts'
import { checkTreeRules } from './check-tree-rules.ts'
import type { Report, YamlPath } from './problems.ts'

/** Paths are reported below the system's own. */
export function checkSystem(config: Config, system: SystemConfig, hosts: readonly string[], now: Date, report: Report): void {
  for (const [name, component] of Object.entries(system.components)) {
    checkComponent(config, system, name, component, hosts, report)
  }
  for (const service of system.services) checkKnown(service.host, hosts, 'host', ['services', service.name, 'host'], report)
  checkFollows(system, report)
  checkTreeRules(system, report)
  checkBackups(system, now, report)
  checkDrills(config, system, hosts, now, report)
  checkApprovals(config, system.restore.approvals, ['restore', 'approvals'], report)
  checkProbes(system, hosts, (path, message, at) => report(['probes', ...path], message, at))
  checkFailover(config, system, (path, message, at) => report(['failover', ...path], message, at))
  if (system.failover) checkApprovals(config, system.failover.approvals, ['failover', 'approvals'], report)
  checkDnsRecords(system.dns ?? [], Object.keys(config.sites), (path, message, at) => report(['dns', ...path], message, at))
}

function checkComponent(config: Config, system: SystemConfig, name: string, component: ComponentConfig, hosts: readonly string[], report: Report): void {
  const path = ['components', name]
  checkKnown(component.host, hosts, 'host', [...path, 'host'], report)
  checkTwice(component.stores, [...path, 'stores'], 'store', report)
  let usable = hosts.includes(component.host)
  component.stores.forEach((store, index) => {
    const at = [...path, 'stores', index]
    if (!checkKnown(store, Object.keys(config.stores), 'store', at, report)) usable = false
    else if (usable && !config.stores[store]?.hosts.includes(component.host)) {
      report(at, `store ${store} is not reached by host ${component.host}, where ${name} is; add the host to the store's hosts`)
      usable = false
    }
  })
  if (!usable) return
  if (component.stores.length === 0) {
    report(path, `no store is reached by host ${component.host}; add it to the hosts of a store`, 'key')
    return
  }
  const { met, missing } = judgeCopies(config, system.copies.required, component.host, component.stores)
  if (met) return
  report(['copies', 'required'], `cannot be met for component ${name}: its stores (${component.stores.join(', ')}) can give ${missing}`, 'key')
}

function checkFollows(system: SystemConfig, report: Report): void {
  const follows = (name: string) => {
    const component = system.components[name]
    return component?.type === 'files' ? component.follows : undefined
  }
  for (const name of Object.keys(system.components)) {
    const leader = follows(name)
    const path = ['components', name, 'follows']
    if (leader === undefined || !checkKnown(leader, Object.keys(system.components), 'component', path, report)) continue
    const seen = new Set([name])
    let next: string | undefined = leader
    while (next !== undefined && !seen.has(next)) {
      seen.add(next)
      next = follows(next)
    }
    if (next === name) report(path, `${name} follows itself${seen.size > 1 ? ` by way of ${[...seen].slice(1).join(', ')}` : ''}`)
  }
}

function checkBackups(system: SystemConfig, now: Date, report: Report): void {
  const names = new Set<string>()
  system.backups.forEach((rule, index) => {
    const path = ['backups', index]
    if (names.has(rule.name)) report([...path, 'name'], `two backup rules are called "${rule.name}"`)
    if (rule.name.startsWith('archive-wal')) report([...path, 'name'], 'names beginning with archive-wal belong to the schedules that Muster makes for WAL')
    names.add(rule.name)
    checkTwice(rule.components, [...path, 'components'], 'component', report)
    rule.components.forEach((component, item) => {
      checkKnown(component, Object.keys(system.components), 'component', [...path, 'components', item], report)
    })
    try {
      checkScheduleZone(parseSchedule(rule.every), rule.zone, now)
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      report([...path, 'zone'], error.message)
    }
  })
}

function checkDrills(config: Config, system: SystemConfig, hosts: readonly string[], now: Date, report: Report): void {
  const names = new Set<string>()
  for (const [index, rule] of (system.drills ?? []).entries()) {
    const path = ['drills', index]
    if (names.has(rule.name)) report([...path, 'name'], `two drills are called "${rule.name}"`)
    checkFailoverDrill(config, system, rule, path, report)
    names.add(rule.name)
    for (const [item, component] of (rule.components ?? []).entries()) {
      checkKnown(component, Object.keys(system.components), 'component', [...path, 'components', item], report)
    }
    if (rule.from !== undefined) checkKnown(rule.from, Object.keys(config.stores), 'store', [...path, 'from'], report)
    if (rule.host !== undefined && checkKnown(rule.host, hosts, 'host', [...path, 'host'], report) && !config.encryption.restoreHosts.includes(rule.host)) {
      report([...path, 'host'], `host ${rule.host} is not among encryption.restoreHosts, so it cannot read backups`)
    }
    const databases = (rule.components ?? Object.keys(system.components)).filter((name) => system.components[name]?.type === 'postgresql')
    if (rule.kind === 'pitr' && databases.length === 0) report([...path, 'kind'], 'pitr needs a database among its components')
    if (rule.kind === 'component' && rule.components?.length !== 1) report([...path, 'kind'], 'component needs components with exactly one name')
    try {
      checkScheduleZone(parseSchedule(rule.every), rule.zone, now)
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      report([...path, 'zone'], error.message)
    }
  }
}

/** It is rehearsed at the other site, whole. */
function checkFailoverDrill({ sites }: Config, { failover }: SystemConfig, rule: DrillRule, path: YamlPath, report: Report): void {
  if (rule.kind !== 'failover') return
  if (!failover) return report([...path, 'kind'], 'failover needs the failover of the system: where it goes')
  if (rule.host !== undefined && !sites[failover.to]?.hosts.includes(rule.host)) report([...path, 'host'], `host ${rule.host} is not at site ${failover.to}`)
  if (rule.components !== undefined) report([...path, 'components'], 'does not belong to a drill of kind failover: the whole system moves', 'key')
  if (rule.random) report([...path, 'random'], 'does not belong to a drill of kind failover: it is to the newest moment', 'key')
}

function checkApprovals(config: Config, { count, requesterMay, accept }: ApprovalsConfig, path: YamlPath, report: Report): void {
  const people = Object.values(config.people)
  const approvers = people.filter((person) => person.role !== 'viewer').length
  if (count === 0) return
  const needed = count > 1 || !requesterMay ? count + 1 : count
  const signers = people.filter((person) => person.role !== 'viewer' && person.approve !== undefined).length
  if (accept === 'signed' && signers < needed) {
    report(
      [...path, 'accept'],
      `signed needs ${needed} people who may approve with a key (people.NAME.approve), so that ${count} are left without who asked; there are ${signers}`,
    )
    return
  }
  if (count > 1 && approvers < needed) {
    report([...path, 'count'], `${count} approvals need ${needed} people who may approve under people, as who asked is not one of them; there are ${approvers}`)
    return
  }
  if (people.length > 0 && approvers === 0) report(path, 'nobody in people may approve: they are all viewers', 'key')
  else if (!requesterMay && approvers < 2) {
    report([...path, 'requesterMay'], 'with requesterMay: no, two people who may approve are needed under people, else no restore can begin')
  }
}
