/** Gathers what `status` judges: stores, shipper, Temporal and control records, each as far as it answers. */
import type { Client } from '@temporalio/client'
import type { InstanceStatus, ShipperStatus } from '../adapters/component/postgresql/shipper-protocol.ts'
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import type { ComponentConfig, Config, SystemConfig } from '../domain/config.ts'
import type { ControlState } from '../domain/control-state.ts'
import type { ObservedBackup, ObservedComponent, ObservedSystem, ObservedWal } from '../domain/observed-system.ts'
import { byNeed, judgeSystem, type SystemProtection } from '../domain/protection.ts'
import { parseBackupKey } from '../domain/object-keys.ts'
import type { Manifest } from '../domain/repository-format.ts'
import { nextRuns, parseSchedule } from '../domain/schedule-spec.ts'
import type { DocumentCache } from '../repository/document-cache.ts'
import { runningRuns, type RunningRun } from './running.ts'
import { readState } from './records-view.ts'
import { currentOf, type StoreView, type StoreViewDeps, type TimedWindow, viewStores } from './store-view.ts'
import { within } from './within.ts'

export interface ProtectionDeps {
  readonly config: Config
  readonly verifier: Verifier
  readonly cache: DocumentCache
  readonly store: (name: string) => Promise<Store>
  /** Null when no shipper of the host answers here. */
  readonly shipperStatus: (host: string) => Promise<ShipperStatus | null>
  readonly temporal: () => Promise<Client>
  readonly now: () => Date
  /** Whether a path of a host is there; left out, every safety set is shown. */
  readonly isThere?: (host: string, path: string) => Promise<boolean>
  /** Longest wait for one store; default 20. */
  readonly storeSeconds?: number
}

export interface SystemStatus extends SystemProtection {
  readonly windows: readonly (TimedWindow & { readonly component: string; readonly store: string; readonly inService: boolean })[]
  readonly nextRuns: readonly { readonly name: string; readonly every: string; readonly at: string | null }[]
  readonly running: readonly RunningRun[]
  readonly safetySets: readonly SafetySet[]
  readonly gaps: ControlState['gaps']
}

export interface SafetySet {
  readonly run: string
  readonly host: string
  readonly component: string
  readonly path: string
  readonly safetyPath: string
  readonly sizeBytes: number
  readonly keepUntil: string
}

export interface Temporal {
  readonly client: Client | null
  readonly problem: string | null
}

/** Every system that is named, worst first. Never throws for what does not answer: that is what it reports. */
export async function gatherProtection(deps: ProtectionDeps, systems: readonly string[]): Promise<readonly SystemStatus[]> {
  const temporal = await reachTemporal(deps)
  const found = await Promise.all(systems.map((system) => gatherSystem(deps, system, temporal)))
  return found.sort(byNeed)
}

async function reachTemporal(deps: ProtectionDeps): Promise<Temporal> {
  try {
    return { client: await deps.temporal(), problem: null }
  } catch (error) {
    return { client: null, problem: messageOf(error) }
  }
}

async function gatherSystem(deps: ProtectionDeps, name: string, temporal: Temporal): Promise<SystemStatus> {
  const system = deps.config.systems[name] as SystemConfig
  const viewDeps: StoreViewDeps = { ...deps, timeoutSeconds: deps.storeSeconds ?? 20 }
  const [records, runs, shippers] = await Promise.all([readState(viewDeps, name), listRuns(temporal, name), askShippers(deps, system)])
  const views = await viewStores(viewDeps, name, records.state)
  const known = new Set(views.flatMap(({ catalog }) => (catalog?.manifests ?? []).map(({ backup }) => backup)))
  const observed: ObservedSystem = {
    system: name,
    priority: system.priority,
    objectives: system.objectives,
    required: system.copies.required,
    now: deps.now().toISOString(),
    stores: views.map(({ store, probe, catalog, databases, trouble }) => ({
      name: store,
      reachable: catalog !== null,
      writable: probe.writable,
      place: probe.place,
      problem: trouble?.message ?? probe.problem,
      // A manifest that another store has whole is told of as a damaged backup.
      invalidDocuments: [
        ...(catalog?.invalid ?? []).filter(({ key }) => !known.has(parseBackupKey(key)?.backup ?? '')).map(({ problem }) => problem),
        ...databases.flatMap(({ invalid }) => invalid),
      ],
    })),
    components: Object.entries(system.components).map(([component, config]) =>
      observe(deps, name, component, config, { views, state: records.state, shippers }),
    ),
    schedulerProblem: runs.problem,
    recordsProblem: records.problem,
    running: runs.running.map(({ runId }) => runId),
  }
  return {
    ...judgeSystem(deps.config, observed),
    windows: views.flatMap(({ store, databases }) =>
      databases.flatMap(({ component, windows }) =>
        windows.map((window) => ({ ...window, component, store, inService: window.incarnation === currentOf(records.state, component) })),
      ),
    ),
    nextRuns: nextOf(system, deps.now()),
    running: runs.running,
    safetySets: await safetyOf(deps, records.state),
    gaps: records.state.gaps,
  }
}

interface Seen {
  readonly views: readonly StoreView[]
  readonly state: ControlState
  readonly shippers: ReadonlyMap<string, ShipperStatus | null>
}

function observe(deps: ProtectionDeps, system: string, component: string, config: ComponentConfig, seen: Seen): ObservedComponent {
  const rules = (deps.config.systems[system] as SystemConfig).backups.filter(({ components }) => components.includes(component))
  return {
    component,
    type: config.type,
    host: config.host,
    stores: config.stores,
    backups: backupsOf(seen.views, component),
    rules: rules.map(({ every, zone }) => ({ every, zone })),
    wal: config.type === 'postgresql' ? walOf(deps, system, component, config, seen) : null,
  }
}

/** One backup is the same in every store: what differs is where it is whole. */
export function backupsOf(views: readonly StoreView[], component: string): readonly (ObservedBackup & { readonly manifest: Manifest })[] {
  const found = new Map<string, { manifest: Manifest; in: string[]; damagedIn: { store: string; problem: string }[] }>()
  for (const { store, catalog } of views) {
    for (const manifest of catalog?.manifests ?? []) {
      if (manifest.component !== component) continue
      const entry = found.get(manifest.backup) ?? { manifest, in: [], damagedIn: [] }
      const damage = catalog?.damaged.find(({ backup }) => backup === manifest.backup)
      if (damage) entry.damagedIn.push({ store, problem: `${damage.key} ${damage.problem}` })
      else entry.in.push(store)
      found.set(manifest.backup, entry)
    }
  }
  for (const { store, catalog } of views) {
    for (const { key, problem } of catalog?.invalid ?? []) found.get(parseBackupKey(key)?.backup ?? '')?.damagedIn.push({ store, problem })
  }
  return [...found.values()]
    .sort((a, b) => (a.manifest.backup < b.manifest.backup ? -1 : 1))
    .map(({ manifest, ...where }) => ({
      manifest,
      backup: manifest.backup,
      run: manifest.run,
      startedAt: manifest.startedAt,
      endedAt: manifest.endedAt,
      sizeBytes: manifest.objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      meantFor: manifest.stores,
      ...where,
    }))
}

function walOf(deps: ProtectionDeps, system: string, component: string, config: ComponentConfig & { type: 'postgresql' }, seen: Seen): ObservedWal {
  const incarnation = currentOf(seen.state, component)
  const databases = seen.views.flatMap(({ store, databases }) => databases.filter((one) => one.component === component).map((one) => ({ ...one, store })))
  const answer = seen.shippers.get(config.host)
  const status = answer?.instances.find((one) => one.system === system && one.component === component) ?? null
  const hosts = Object.values(deps.config.sites).flatMap((site) => site.hosts)
  return {
    incarnation,
    windows: databases.flatMap(({ store, windows }) => windows.map((window) => ({ store, ...window }))),
    tips: Object.fromEntries(databases.flatMap(({ store, tips }) => (incarnation !== null && tips[incarnation] ? [[store, tips[incarnation]]] : []))),
    shipEverySeconds: config.wal.shipEverySeconds,
    // What a shipper says of an earlier incarnation says nothing of this one.
    shipper: status && (status.incarnation === incarnation || status.incarnation === null) ? shipperOf(status) : null,
    shipperExpected: hosts.length === 1,
  }
}

function shipperOf({ state, problem, stores }: InstanceStatus): NonNullable<ObservedWal['shipper']> {
  return { state, problem, lags: stores.map(({ store, lagSeconds, problem: trouble }) => ({ store, lagSeconds, problem: trouble })) }
}

async function listRuns(temporal: Temporal, system: string): Promise<{ running: readonly RunningRun[]; problem: string | null }> {
  if (!temporal.client) return { running: [], problem: temporal.problem }
  const { client } = temporal
  try {
    return { running: await within(10, () => runningRuns(client, system), 'Temporal'), problem: null }
  } catch (error) {
    return { running: [], problem: messageOf(error) }
  }
}

async function askShippers(deps: ProtectionDeps, system: SystemConfig): Promise<ReadonlyMap<string, ShipperStatus | null>> {
  const hosts = new Set(Object.values(system.components).flatMap((one) => (one.type === 'postgresql' ? [one.host] : [])))
  const answers = await Promise.all([...hosts].map(async (host) => [host, await deps.shipperStatus(host)] as const))
  return new Map(answers)
}

function nextOf(system: SystemConfig, now: Date): SystemStatus['nextRuns'] {
  const wal = Object.values(system.components).flatMap((one) => (one.type === 'postgresql' ? [one.wal.every] : []))
  const rules = [...system.backups, ...[...new Set(wal)].map((every) => ({ name: 'archive-wal', every, zone: 'UTC' }))]
  return rules.map(({ name, every, zone }) => ({ name, every, at: nextRuns(parseSchedule(every), zone, now, 1)?.[0]?.toISOString() ?? null }))
}

/** Those that are gone are left out where that can be seen from here. */
async function safetyOf(deps: ProtectionDeps, state: ControlState): Promise<readonly SafetySet[]> {
  const sets = state.safetySets.flatMap(({ run, host, members, keepUntil }) => members.map((member) => ({ run, host, ...member, keepUntil })))
  const there = await Promise.all(sets.map(async ({ host, safetyPath }) => (await deps.isThere?.(host, safetyPath)) ?? true))
  return sets.filter((_, index) => there[index])
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
