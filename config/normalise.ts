/** The configuration as written → the configuration as it counts: defaults in, seconds, bytes, lists expanded. */

import type { BackupRule, Config, DrillRule, NotificationsConfig, SiteConfig, SystemConfig } from '../domain/config.ts'
import { parseDuration } from '../domain/durations.ts'
import { parseSchedule } from '../domain/schedule-spec.ts'
import { normaliseBreach, refuseForensicNames } from './normalise-breach.ts'
import { defined } from './defined.ts'
import { normaliseContacts } from './schema-contacts.ts'
import { normaliseApprovals } from './normalise-approvals.ts'
import { normaliseComponent } from './normalise-component.ts'
import { type FailoverSurroundings, normaliseFailover } from './normalise-failover.ts'
import { normaliseDnsRecord } from './normalise-dns.ts'
import { normaliseService } from './normalise-service.ts'
import { normaliseStores } from './normalise-stores.ts'
import { isYes, oneHost, plainPath } from './normalise-values.ts'
import type { Report } from './problems.ts'
import type { WrittenConfig, WrittenSystem } from './schema.ts'
import { normaliseProbes } from './schema-probes.ts'
import { normaliseLimits } from './schema-limits.ts'

/** What this machine adds where the file is silent. */
export interface Surroundings {
  /** Name of the only host, where no sites are configured. */
  readonly host: string
  /** Absolute path of the home directory. */
  readonly home: string
  /** Public keys that `muster init` wrote; empty where there are none. */
  readonly recipients: readonly string[]
}

/** What is reported makes the result unusable; everything is still read, so that all problems show at once. */
export function normalise(written: WrittenConfig, around: Surroundings, report: Report): Config {
  const sites: Record<string, SiteConfig> = written.sites ?? { primary: { hosts: [around.host] } }
  const hosts = Object.values(sites).flatMap((site) => [...site.hosts])
  if (hosts.length === 0) report(['sites'], 'no site has a host; write one, for example primary: { hosts: [localhost] }', 'key')
  const stores = normaliseStores(written.stores, sites, hosts, report)
  const approvers = Object.values(written.people).filter((person) => person.role !== 'viewer').length
  return {
    format: 1,
    organisation: written.organisation,
    sites,
    stores,
    encryption: normaliseEncryption(written, hosts, around, report),
    ...(written.recoveryKit && { recoveryKit: defined(written.recoveryKit) }),
    people: mapValues(written.people, (person) => defined({ ...person, approve: person.approve?.split(' ').slice(0, 2).join(' ') })),
    systems: mapValues(written.systems, (system, name) => {
      const at = ['systems', name]
      return normaliseSystem(system, { approvers, sites, stores }, hosts, (path, message, where) => report([...at, ...path], message, where))
    }),
    notifications: normaliseNotifications(written),
    ...(written.contacts && { contacts: normaliseContacts(written.contacts) }),
    ...(written.limits && { limits: normaliseLimits(written.limits) }),
  }
}

function normaliseSystem(written: WrittenSystem, around: FailoverSurroundings, hosts: readonly string[], report: Report): SystemConfig {
  const plain = normaliseHere(written, around, hosts, report)
  refuseForensicNames(plain.components, report)
  const breach = written.breach && normaliseBreach(written.breach, plain, (path, message, where) => report(['breach', ...path], message, where))
  const here = { ...plain, ...(breach && { breach }) }
  if (!written.failover) return here
  const failover = normaliseFailover(written.failover, here, around, (path, message, where) => report(['failover', ...path], message, where))
  return { ...here, failover }
}

/** The system where it is at home. */
function normaliseHere(system: WrittenSystem, { approvers, stores }: FailoverSurroundings, hosts: readonly string[], report: Report): SystemConfig {
  const { restore, objectives } = system
  return {
    priority: system.priority,
    objectives: defined({ rpoSeconds: seconds(objectives.rpo), rtoSeconds: seconds(objectives.rto) }),
    copies: system.copies,
    components: mapValues(system.components, (component, name) => {
      const path = ['components', name]
      const host = oneHost(component.host, hosts, 'this component', (message) => report(path, message, 'key'))
      return normaliseComponent(component, host, reaching(stores, host))
    }),
    services: Object.entries(system.services).map(([name, service]) => {
      const host = oneHost(service.host, hosts, 'this service', (message) => report(['services', name], message, 'key'))
      return normaliseService(name, service, host)
    }),
    ...(system.dns.length > 0 && { dns: system.dns.map(normaliseDnsRecord) }),
    backups: normaliseBackups(system),
    ...(system.drills.length > 0 && { drills: normaliseDrills(system) }),
    ...(system.probes && { probes: normaliseProbes(system.probes) }),
    ...(system.contacts && { contacts: normaliseContacts(system.contacts) }),
    restore: {
      approvals: normaliseApprovals(restore.approvals, approvers),
      approvalExpiresSeconds: parseDuration(restore.approvalExpires),
      commitAfterSeconds: parseDuration(String(restore.commitAfter)),
      keepSafetySetsSeconds: parseDuration(restore.keepSafetySets),
      newerFiles: restore.newerFiles,
      stopFirst: isYes(restore.stopFirst),
    },
  }
}

function normaliseBackups(system: WrittenSystem): readonly BackupRule[] {
  const taken = new Set(system.backups.flatMap((rule) => rule.name ?? []))
  return system.backups.map((rule) => ({
    name: rule.name ?? freeName(rule.every, taken),
    components: rule.components === 'all' ? Object.keys(system.components) : rule.components,
    kind: rule.kind,
    every: rule.every.trim(),
    zone: rule.zone,
  }))
}

function normaliseDrills(system: WrittenSystem): readonly DrillRule[] {
  const taken = new Set(system.drills.flatMap((rule) => rule.name ?? []))
  return system.drills.map(({ name, kind, every, zone, components, host, from, random, smoke }) => ({
    name: name ?? freeName(every, taken, `${kind}-`),
    kind,
    every: every.trim(),
    zone,
    random: isYes(random),
    ...defined({ components, host, from, smoke }),
  }))
}

/** `daily`, `every-21600s`, `daily-2`: the same file always gives the same names. */
function freeName(every: string, taken: Set<string>, prefix = ''): string {
  const spec = parseSchedule(every)
  const base = `${prefix}${spec.kind !== 'interval' ? spec.kind : spec.everySeconds === 3600 ? 'hourly' : `every-${spec.everySeconds}s`}`
  let name: string = base
  for (let number = 2; taken.has(name); number += 1) name = `${base}-${number}`
  taken.add(name)
  return name
}

function normaliseEncryption(written: WrittenConfig, hosts: readonly string[], around: Surroundings, report: Report): Config['encryption'] {
  const { encryption } = written
  const recipients = encryption.recipients ?? around.recipients
  if (recipients.length === 0) {
    report(
      ['encryption', 'recipients'],
      `no recipients to encrypt to: run muster init, which makes keys in ${keyDirectory(around.home)}, or write recipients under encryption`,
      'key',
    )
  }
  if (encryption.restoreHosts === undefined && hosts.length > 1) {
    report(
      ['encryption', 'restoreHosts'],
      `missing "restoreHosts" under encryption: there are several hosts (${hosts.join(', ')}); say which of them hold the private identity`,
      'key',
    )
  }
  const [first] = hosts
  return {
    type: 'age',
    recipients,
    restoreHosts: encryption.restoreHosts ?? (first === undefined ? [] : [first]),
    identity: encryption.identity ?? `file:${keyDirectory(around.home)}/identity.txt`,
  }
}

/** Where `muster init` puts the keys of a person or a single host. */
export function keyDirectory(home: string): string {
  return `${home === '/' ? '' : home}/.config/muster`
}

function normaliseNotifications(written: WrittenConfig): NotificationsConfig {
  const { email, slack, log } = written.notifications
  return defined({
    email: email && {
      from: email.from,
      to: email.to,
      smtp: defined({
        ...email.smtp,
        secure: isYes(email.smtp.secure),
        port: email.smtp.port ?? (isYes(email.smtp.secure) ? 465 : 587),
      }),
    },
    slack,
    log: log && { path: plainPath(log.path) },
  })
}

function reaching(stores: Config['stores'], host: string): readonly string[] {
  return Object.entries(stores).flatMap(([name, store]) => (store.hosts.includes(host) ? [name] : []))
}

function seconds(duration: string | undefined): number | undefined {
  return duration === undefined ? undefined : parseDuration(duration)
}

function mapValues<T, R>(members: Readonly<Record<string, T>>, change: (value: T, name: string) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, change(value, name)]))
}
