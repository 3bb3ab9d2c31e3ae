/** Gathers what a system's protection is judged by, from the stores and from what its shippers say. */
import type { ComponentConfig, SystemConfig } from '../domain/config.ts'
import type { ControlState } from '../domain/control-state.ts'
import { parseBackupKey } from '../domain/object-keys.ts'
import { rehearsedOf } from '../domain/drill-rules.ts'
import type { ObservedBackup, ObservedComponent, ObservedSystem, ObservedWal } from '../domain/observed-system.ts'
import { judgeProof, type Proof } from '../domain/proof.ts'
import type { Manifest } from '../domain/repository-format.ts'
import { viewEvidence } from './evidence-view.ts'
import { readState } from './records-view.ts'
import { currentOf, type StoreView, type StoreViewDeps, viewStores } from './store-view.ts'

export interface ObserveDeps extends StoreViewDeps {
  readonly now: () => Date
}

/** What a shipper says of one database. */
export interface SeenShipper {
  readonly incarnation: string | null
  readonly state: string
  readonly problem: string | null
  readonly stores: readonly { readonly store: string; readonly lagSeconds: number | null; readonly problem: string | null }[]
}

/** What the stores cannot tell. */
export interface Around {
  /** Null where no shipper answers. */
  readonly shipper: (host: string, component: string) => SeenShipper | null
  /** Whether no answer of a host's shipper proves that it is gone. */
  readonly shipperExpected: (host: string) => boolean
  readonly schedulerProblem: string | null
  /** Whether the run of a backup, which ended in its first store then, may still be copying it. */
  readonly isRunning: (run: string, endedAt: string) => boolean
}

export interface SystemObservation {
  readonly observed: ObservedSystem
  readonly views: readonly StoreView[]
  readonly state: ControlState
  readonly proof: Proof
}

/** Never throws for what does not answer: that is what it reports. */
export async function observeSystem(deps: ObserveDeps, name: string, around: Around): Promise<SystemObservation> {
  const system = deps.config.systems[name] as SystemConfig
  const [records, proofs] = await Promise.all([readState(deps, name), viewEvidence({ ...deps, stores: Object.keys(deps.config.stores) }, name, ['drill'])])
  const { state } = records
  const proof = judgeProof(proofs.evidence, rehearsedOf(name, system), deps.now())
  const views = await viewStores(deps, name, state)
  const observed: ObservedSystem = {
    system: name,
    priority: system.priority,
    objectives: system.objectives,
    required: system.copies.required,
    now: deps.now().toISOString(),
    stores: storesOf(views),
    components: Object.entries(system.components).map(([component, config]) => observe(deps, name, component, config, { views, state, around })),
    schedulerProblem: around.schedulerProblem,
    recordsProblem: records.problem,
    proofProblems: [
      ...proof.problems,
      ...proofs.invalid.map((one) => ({ text: `a record of a drill cannot be believed: ${one}`, next: `muster drill ${name}` })),
    ],
    running: manifestsOf(views).flatMap(({ run, endedAt }) => (around.isRunning(run, endedAt) ? [run] : [])),
  }
  return { observed, views, state, proof }
}

function manifestsOf(views: readonly StoreView[]): readonly Manifest[] {
  return views.flatMap(({ catalog }) => catalog?.manifests ?? [])
}

function storesOf(views: readonly StoreView[]): ObservedSystem['stores'] {
  const known = new Set(manifestsOf(views).map(({ backup }) => backup))
  return views.map(({ store, probe, catalog, databases, trouble }) => ({
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
  }))
}

interface Seen {
  readonly views: readonly StoreView[]
  readonly state: ControlState
  readonly around: Around
}

function observe(deps: ObserveDeps, system: string, component: string, config: ComponentConfig, seen: Seen): ObservedComponent {
  const rules = (deps.config.systems[system] as SystemConfig).backups.filter(({ components }) => components.includes(component))
  return {
    component,
    type: config.type,
    host: config.host,
    stores: config.stores,
    backups: backupsOf(seen.views, component),
    rules: rules.map(({ every, zone }) => ({ every, zone })),
    wal: config.type === 'postgresql' ? walOf(component, config, seen) : null,
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

function walOf(component: string, config: ComponentConfig & { type: 'postgresql' }, { views, state, around }: Seen): ObservedWal {
  const incarnation = currentOf(state, component)
  const databases = views.flatMap(({ store, databases: all }) => all.filter((one) => one.component === component).map((one) => ({ ...one, store })))
  const shipper = around.shipper(config.host, component)
  return {
    incarnation,
    windows: databases.flatMap(({ store, windows }) => windows.map((window) => ({ store, ...window }))),
    tips: Object.fromEntries(databases.flatMap(({ store, tips }) => (incarnation !== null && tips[incarnation] ? [[store, tips[incarnation]]] : []))),
    shipEverySeconds: config.wal.shipEverySeconds,
    // What a shipper says of an earlier incarnation says nothing of this one.
    shipper: shipper && (shipper.incarnation === incarnation || shipper.incarnation === null) ? asObserved(shipper) : null,
    shipperExpected: around.shipperExpected(config.host),
  }
}

function asObserved({ state, problem, stores }: SeenShipper): NonNullable<ObservedWal['shipper']> {
  return { state, problem, lags: stores.map(({ store, lagSeconds, problem: trouble }) => ({ store, lagSeconds, problem: trouble })) }
}
