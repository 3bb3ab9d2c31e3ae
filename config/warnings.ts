/** What is allowed and yet better known: one line each, with the name of what it is about. */
import type { Config, SystemConfig } from '../domain/config.ts'
import { machineFilePatterns } from '../domain/machine-files.ts'
import { matchesRoot } from '../domain/tree-patterns.ts'
import { probeWarnings } from './check-probes.ts'
import { contactsOf } from '../domain/contacts.ts'
import { parseSchedule } from '../domain/schedule-spec.ts'

export function configWarnings(config: Config, now: Date): readonly string[] {
  return [...storeWarnings(config), ...identityWarnings(config), ...Object.keys(config.systems).flatMap((name) => systemWarnings(config, name, now))]
}

function storeWarnings(config: Config): readonly string[] {
  return Object.entries(config.stores).flatMap(([name, store]) => {
    if (store.type === 's3') {
      if (store.endpoint === undefined || !isLoopback(store.endpoint)) return []
      return [`store ${name}: its endpoint is on this machine, yet its copies count as off-host; they are lost with the machine`]
    }
    const foreign = store.host !== undefined && store.hosts.some((host) => host !== store.host)
    if (!foreign || store.mountRequired) return []
    return [`store ${name}: its disk is said to be on host ${store.host}; set mountRequired: yes, or copies fall on the local disk when it is not mounted`]
  })
}

function identityWarnings(config: Config): readonly string[] {
  const { identity, restoreHosts } = config.encryption
  const warnings: string[] = []
  const path = identity.startsWith('file:') ? identity.slice('file:'.length) : null
  for (const [system, { components }] of Object.entries(config.systems)) {
    for (const [name, component] of Object.entries(components)) {
      if (!restoreHosts.includes(component.host)) {
        warnings.push(`component ${system}/${name}: host ${component.host} is not in restoreHosts; a restore in place needs an identity lent for the run`)
      }
      if (path !== null && component.type === 'files' && component.paths.some((tree) => path.startsWith(`${tree === '/' ? '' : tree}/`))) {
        warnings.push(`component ${system}/${name}: the private identity ${path} lies inside it; lost together, nothing can be read`)
      }
    }
  }
  return warnings
}

function systemWarnings(config: Config, name: string, now: Date): readonly string[] {
  const system = config.systems[name]
  if (!system) return []
  const covered = new Set(system.backups.flatMap((rule) => rule.components))
  const forgotten = Object.keys(system.components).filter((component) => !covered.has(component))
  const past = system.backups.filter((rule) => {
    const spec = parseSchedule(rule.every)
    return spec.kind === 'at' && new Date(spec.at) <= now
  })
  return [
    ...machineWarnings(name, system),
    ...(system.priority === 'P1' && contactsOf(config, name).length === 0
      ? [`system ${name}: it is of priority P1 and has no contacts; an alarm that nobody answers is told to nobody else`]
      : []),
    ...probeWarnings(config, name),
    ...forgotten.map((component) => `component ${name}/${component}: no backup rule covers it; it is not backed up by any schedule`),
    ...past.map((rule) => `backup ${name}/${rule.name}: "${rule.every}" is past; it does not run again`),
  ]
}

/** Whoever lists a file of the machine by itself may expect it to move. */
function machineWarnings(system: string, { components, failover }: SystemConfig): readonly string[] {
  if (!failover) return []
  return Object.entries(components).flatMap(([name, component]) => {
    if (component.type !== 'files' || component.restore.neverDefaults === false) return []
    const found = component.paths.filter((path) => machineFilePatterns.some((pattern) => matchesRoot(pattern, path)))
    return found.map(
      (path) =>
        `component ${system}/${name}: ${path} belongs to the machine, so what is there stays when the system fails over; if it is to come along: restore.neverDefaults: no`,
    )
  })
}

function isLoopback(address: string): boolean {
  const { hostname } = new URL(address)
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
}
