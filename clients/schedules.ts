/**
 * Makes the Temporal schedules equal to the config: one listing, the hash of each spec, and only what
 * differs is written. An operator's pause is never undone.
 */
import { createHash } from 'node:crypto'
import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
  type ScheduleSpec as TemporalSpec,
} from '@temporalio/client'
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common'
import { canonicalJson } from '../domain/canonical-json.ts'
import type { Config } from '../domain/config.ts'
import { siteOfHost, siteOfSystem } from '../domain/copies.ts'
import { placedSystem } from '../domain/placement.ts'
import { watchingSite } from '../domain/probes.ts'
import { parseSchedule, type ScheduleSpec } from '../domain/schedule-spec.ts'
import { installationChain } from '../domain/object-keys.ts'
import { searchAttributeTypes } from '../domain/search-attributes.ts'

export interface WantedSchedule {
  readonly id: string
  /** Null of one that concerns none. */
  readonly system: string | null
  readonly workflowType: 'backupSystem' | 'archiveWal' | 'drill' | 'archiveHistories' | 'monitorHealth' | 'refreshStandby' | 'probeSystem'
  readonly every: string
  readonly zone: string
  readonly input: Readonly<Record<string, unknown>>
  readonly site: string
  readonly catchupSeconds: number
  readonly jitterSeconds: number
}

export interface ScheduleChange {
  readonly id: string
  readonly change: 'create' | 'update' | 'remove' | 'keep'
  readonly every: string | null
}

const specHashKey = defineSearchAttributeKey('MusterSpecHash', searchAttributeTypes.MusterSpecHash)
const systemKey = defineSearchAttributeKey('MusterSystem', searchAttributeTypes.MusterSystem)

export function schedulePrefix(config: Config): string {
  return `muster/${config.organisation.toLowerCase().replace(/[^a-z0-9]+/g, '-')}/`
}

/**
 * Every schedule that the config asks for.
 * @param whole the same as it was applied, where `config` has a system at another site
 */
export function wantedSchedules(config: Config, configHash: string, whole: Config = config): readonly WantedSchedule[] {
  return [...systemSchedules(config, configHash, whole), ...archiveSchedules(config, configHash)]
}

/** A site without hosts is where a store stands: nobody there archives. */
function archiveSchedules(config: Config, configHash: string): readonly WantedSchedule[] {
  const sites = Object.entries(config.sites).filter(([, { hosts }]) => hosts.length > 0)
  return sites.map(([site]) => ({
    id: `${schedulePrefix(config)}${installationChain}/archive-histories-${site}`,
    system: null,
    workflowType: 'archiveHistories',
    every: '1h',
    zone: 'UTC',
    input: { configHash, requestedBy: 'schedule archive-histories' },
    site,
    ...patience(parseSchedule('1h')),
  }))
}

function systemSchedules(config: Config, configHash: string, whole: Config): readonly WantedSchedule[] {
  return Object.entries(config.systems).flatMap(([system, { backups, components }]) => {
    const prefix = `${schedulePrefix(config)}${system}/`
    const site = siteOfSystem(config, system)
    const rules = backups.map(
      (rule): WantedSchedule => ({
        id: `${prefix}${rule.name}`,
        system,
        site,
        workflowType: 'backupSystem',
        every: rule.every,
        zone: rule.zone,
        input: { system, components: rule.components, kind: rule.kind, configHash, requestedBy: `schedule ${rule.name}` },
        ...patience(parseSchedule(rule.every)),
      }),
    )
    const databases = Object.entries(components).flatMap(([name, component]) => (component.type === 'postgresql' ? [{ name, every: component.wal.every }] : []))
    const wal = [...new Set(databases.map(({ every }) => every))].map(
      (every): WantedSchedule => ({
        id: `${prefix}archive-wal-${every.replace(/[^a-z0-9]+/gi, '-')}`,
        system,
        site,
        workflowType: 'archiveWal',
        every,
        zone: 'UTC',
        input: { system, components: databases.filter((one) => one.every === every).map(({ name }) => name), configHash, requestedBy: 'schedule archive-wal' },
        ...patience(parseSchedule(every)),
      }),
    )
    return [
      ...rules,
      ...wal,
      ...drillSchedules(config, configHash, system, prefix),
      healthSchedule(configHash, system, site, prefix),
      ...standbySchedule(config, configHash, system, prefix),
      ...probeSchedule(config, configHash, system, prefix, whole),
    ]
  })
}

/** Where the system is active: what it would lose is judged there. */
function healthSchedule(configHash: string, system: string, site: string, prefix: string): WantedSchedule {
  return {
    id: `${prefix}monitor-health`,
    system,
    workflowType: 'monitorHealth',
    every: '1h',
    zone: 'UTC',
    input: { system, configHash, requestedBy: 'schedule monitor-health' },
    site,
    ...patience(parseSchedule('1h')),
  }
}

/** At the site that stands by, wherever the system is: a run that finds it serving there ends at once. */
function standbySchedule(config: Config, configHash: string, system: string, prefix: string): readonly WantedSchedule[] {
  const failover = config.systems[system]?.failover
  if (failover?.refreshEverySeconds === undefined) return []
  const every = `${failover.refreshEverySeconds}s`
  return [
    {
      id: `${prefix}refresh-standby`,
      system,
      workflowType: 'refreshStandby',
      every,
      zone: 'UTC',
      input: { system, configHash, requestedBy: 'schedule refresh-standby' },
      site: failover.to,
      ...patience(parseSchedule(every)),
    },
  ]
}

/** At a site that is not lost with the system; what was missed is not made up for. */
function probeSchedule(config: Config, configHash: string, system: string, prefix: string, whole: Config): readonly WantedSchedule[] {
  const probes = config.systems[system]?.probes
  if (!probes) return []
  const every = `${probes.everySeconds}s`
  return [
    {
      id: `${prefix}probe-system`,
      system,
      workflowType: 'probeSystem',
      every,
      zone: 'UTC',
      input: { system, configHash, requestedBy: 'schedule probe-system' },
      site: watchingSite(whole, system, siteOfSystem(config, system)),
      ...patience(parseSchedule(every)),
      catchupSeconds: 60,
    },
  ]
}

function drillSchedules(config: Config, configHash: string, system: string, prefix: string): readonly WantedSchedule[] {
  return (config.systems[system]?.drills ?? []).map(({ name, kind, every, zone, components, host, from, random, smoke }) => ({
    id: `${prefix}drill-${name}`,
    system,
    // The host that rehearses is at the site whose queue plans, notifies and keeps the evidence.
    site: siteOfDrill(config, system, kind, host),
    workflowType: 'drill',
    every,
    zone,
    input: {
      system,
      kind,
      configHash,
      requestedBy: `schedule ${name}`,
      ...(components && { components }),
      ...(host !== undefined && { host }),
      ...(from !== undefined && { from }),
      ...(random && { random }),
      ...(smoke && { drill: name }),
    },
    ...patience(parseSchedule(every)),
  }))
}

function siteOfDrill(config: Config, system: string, kind: string, host: string | undefined): string {
  const { failover } = config.systems[system] ?? {}
  if (kind === 'failover' && failover) return failover.to
  return (host === undefined ? null : siteOfHost(config, host)) ?? siteOfSystem(config, system)
}

/** A run that was missed is caught up within about one interval; a backup that is a day late is better than none. */
function patience(spec: ScheduleSpec): { catchupSeconds: number; jitterSeconds: number } {
  if (spec.kind === 'interval') return { catchupSeconds: Math.max(60, spec.everySeconds), jitterSeconds: Math.min(60, Math.floor(spec.everySeconds / 20)) }
  return { catchupSeconds: 12 * 3600, jitterSeconds: 60 }
}

export function specHash(wanted: WantedSchedule): string {
  return createHash('sha256').update(canonicalJson(wanted)).digest('hex').slice(0, 32)
}

/** Compares, and with `write` makes them equal. */
export async function applySchedules(
  client: Client,
  config: Config,
  configHash: string,
  write: boolean,
  whole: Config = config,
): Promise<readonly ScheduleChange[]> {
  const wanted = wantedSchedules(config, configHash, whole)
  const prefix = schedulePrefix(config)
  const there = new Map<string, string | undefined>()
  for await (const schedule of client.schedule.list()) {
    if (schedule.scheduleId.startsWith(prefix)) there.set(schedule.scheduleId, schedule.typedSearchAttributes?.get(specHashKey))
  }
  const changes: ScheduleChange[] = []
  for (const one of wanted) {
    const hash = there.get(one.id)
    const listed = !there.has(one.id) ? 'create' : hash === specHash(one) ? 'keep' : 'update'
    const change = write && listed === 'create' ? await createSchedule(client, one) : listed
    changes.push({ id: one.id, change, every: one.every })
    if (write && listed === 'update') await updateSchedule(client, one)
  }
  for (const id of there.keys()) {
    if (wanted.some((one) => one.id === id)) continue
    changes.push({ id, change: 'remove', every: null })
    if (write) await removeSchedule(client, id)
  }
  return changes
}

/**
 * Makes the schedules of one system those of the site where it is now, each by the configuration that it names already; what an
 * operator paused stays paused.
 * @returns ids of those that changed
 */
export async function moveSchedules(client: Client, system: string, site: string, configOf: (hash: string) => Promise<Config>): Promise<readonly string[]> {
  const changed: string[] = []
  for await (const { scheduleId, typedSearchAttributes } of client.schedule.list()) {
    if (!scheduleId.startsWith('muster/') || typedSearchAttributes?.get(systemKey) !== system) continue
    const handle = client.schedule.getHandle(scheduleId)
    const hash = configHashOf((await handle.describe()).action)
    if (hash === null) continue
    const whole = await configOf(hash)
    const wanted = wantedSchedules(placedSystem(whole, system, site), hash, whole).find(({ id }) => id === scheduleId)
    if (!wanted || specHash(wanted) === typedSearchAttributes.get(specHashKey)) continue
    await updateSchedule(client, wanted)
    changed.push(scheduleId)
  }
  return changed
}

function configHashOf(action: { readonly args?: readonly unknown[] }): string | null {
  const [input] = action.args ?? []
  const hash = typeof input === 'object' && input !== null ? (input as Record<string, unknown>)['configHash'] : null
  return typeof hash === 'string' ? hash : null
}

/** Temporal lists a schedule a moment after it was made: what another apply has just made is made equal. */
async function createSchedule(client: Client, wanted: WantedSchedule): Promise<'create' | 'update'> {
  try {
    await client.schedule.create(optionsOf(wanted))
    return 'create'
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error
    await updateSchedule(client, wanted)
    return 'update'
  }
}

/** It is listed for a moment after it was removed. */
async function removeSchedule(client: Client, id: string): Promise<void> {
  try {
    await client.schedule.getHandle(id).delete()
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError)) throw error
  }
}

async function updateSchedule(client: Client, wanted: WantedSchedule): Promise<void> {
  const { memo: _memo, scheduleId: _id, state: _state, ...update } = optionsOf(wanted)
  await client.schedule.getHandle(wanted.id).update((before) => ({ ...update, state: before.state }))
}

function optionsOf(wanted: WantedSchedule): ScheduleOptions {
  return {
    scheduleId: wanted.id,
    spec: temporalSpec(wanted),
    action: {
      type: 'startWorkflow',
      workflowType: wanted.workflowType,
      taskQueue: 'muster',
      workflowId: wanted.id,
      args: [wanted.input],
      memo: { site: wanted.site },
      staticSummary: `${wanted.workflowType} · ${wanted.system ?? `site ${wanted.site}`}`,
      workflowRunTimeout: '48 hours',
    },
    policies: {
      overlap: wanted.workflowType === 'backupSystem' ? ScheduleOverlapPolicy.BUFFER_ONE : ScheduleOverlapPolicy.SKIP,
      catchupWindow: `${wanted.catchupSeconds}s`,
      pauseOnFailure: false,
    },
    typedSearchAttributes: new TypedSearchAttributes([
      { key: specHashKey, value: specHash(wanted) },
      ...(wanted.system === null ? [] : [{ key: systemKey, value: wanted.system }]),
    ]),
  }
}

function temporalSpec({ every, zone, jitterSeconds }: WantedSchedule): TemporalSpec {
  const spec = parseSchedule(every)
  const common = { jitter: `${jitterSeconds}s`, timezone: zone }
  switch (spec.kind) {
    case 'interval':
      return { ...common, intervals: [{ every: `${spec.everySeconds}s` }] }
    case 'daily':
      return { ...common, calendars: [{ hour: spec.hour, minute: spec.minute }] }
    case 'weekly':
      return { ...common, calendars: [{ dayOfWeek: weekdayNames[spec.weekday] ?? 'SUNDAY', hour: spec.hour, minute: spec.minute }] }
    case 'monthly':
      return { ...common, calendars: [{ dayOfMonth: spec.day, hour: spec.hour, minute: spec.minute }] }
    case 'at': {
      const at = new Date(spec.at)
      return {
        timezone: 'UTC',
        calendars: [
          {
            year: at.getUTCFullYear(),
            month: monthNames[at.getUTCMonth()] ?? 'JANUARY',
            dayOfMonth: at.getUTCDate(),
            hour: at.getUTCHours(),
            minute: at.getUTCMinutes(),
            second: at.getUTCSeconds(),
          },
        ],
      }
    }
    case 'cron':
      return { ...common, cronExpressions: [spec.expression] }
  }
}

const weekdayNames = ['SUNDAY', 'MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'] as const
const monthNames = ['JANUARY', 'FEBRUARY', 'MARCH', 'APRIL', 'MAY', 'JUNE', 'JULY', 'AUGUST', 'SEPTEMBER', 'OCTOBER', 'NOVEMBER', 'DECEMBER'] as const
