/** Gathers what `status` judges: stores, shipper, Temporal and control records, each as far as it answers. */
import type { Client } from '@temporalio/client'
import type { InstanceStatus, ShipperStatus } from '../adapters/component/postgresql/shipper-protocol.ts'
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import type { Config, SystemConfig } from '../domain/config.ts'
import type { ControlState } from '../domain/control-state.ts'
import { approvedProcedures, type Evidence } from '../domain/evidence.ts'
import { byNeed, judgeSystem, type SystemProtection } from '../domain/protection.ts'
import type { Proof } from '../domain/proof.ts'
import { nextRuns, parseSchedule } from '../domain/schedule-spec.ts'
import type { DocumentCache } from '../repository/document-cache.ts'
import { viewEvidence } from '../repository/evidence-view.ts'
import { observeSystem } from '../repository/observe-system.ts'
import { currentOf, type StoreViewDeps, type TimedWindow } from '../repository/store-view.ts'
import { within } from '../repository/within.ts'
import { newestProbe, type ProbedSystem } from './probed.ts'
import { runningRuns, type RunningRun } from './running.ts'

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
  /** Runs that a person has to look at. */
  readonly reviewsDue: readonly ReviewDue[]
  /** What vantage points saw last; null where none look, or no run has ended yet. */
  readonly probed: ProbedSystem | null
  /** What rehearsals have proven. */
  readonly lastProven: Proof['lastProven']
}

export interface ReviewDue {
  readonly workflowId: string
  /** Temporal's run id. */
  readonly run: string
  readonly at: string
  readonly why: string
}

export interface SafetySet {
  readonly run: string
  readonly host: string
  readonly component: string
  readonly path: string
  readonly safetyPath: string
  readonly sizeBytes: number
  /** Names in `safetyPath` that belong to other data. */
  readonly except?: readonly string[]
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
  const [runs, probed, shippers, approved] = await Promise.all([
    listRuns(temporal, name),
    system.probes && temporal.client ? newestProbe(temporal.client, name) : null,
    askShippers(deps, system),
    viewEvidence({ ...viewDeps, stores: Object.keys(deps.config.stores) }, name, approvedProcedures),
  ])
  const hosts = Object.values(deps.config.sites).flatMap((site) => site.hosts)
  const { observed, views, state, proof } = await observeSystem({ ...viewDeps, now: deps.now }, name, {
    shipper: (host, component) => shipperOf(shippers.get(host), name, component),
    shipperExpected: () => hosts.length === 1,
    schedulerProblem: runs.problem,
    isRunning: (run) => runs.running.some(({ runId }) => runId === run),
  })
  return {
    ...judgeSystem(deps.config, observed),
    windows: views.flatMap(({ store, databases }) =>
      databases.flatMap(({ component, windows }) =>
        windows.map((window) => ({ ...window, component, store, inService: window.incarnation === currentOf(state, component) })),
      ),
    ),
    nextRuns: nextOf(system, deps.now()),
    running: runs.running,
    safetySets: await safetyOf(deps, state),
    gaps: state.gaps,
    reviewsDue: reviewsDue(approved.evidence, state),
    probed,
    lastProven: proof.lastProven,
  }
}

function shipperOf(answer: ShipperStatus | null | undefined, system: string, component: string): InstanceStatus | null {
  const status = answer?.instances.find((one) => one.system === system && one.component === component)
  return status ?? null
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
  const drills = (system.drills ?? []).map(({ name, every, zone }) => ({ name: `drill ${name}`, every, zone }))
  const rules = [...system.backups, ...drills, ...[...new Set(wal)].map((every) => ({ name: 'archive-wal', every, zone: 'UTC' }))]
  return rules.map(({ name, every, zone }) => ({ name, every, at: nextRuns(parseSchedule(every), zone, now, 1)?.[0]?.toISOString() ?? null }))
}

/** Those that are gone are left out where that can be seen from here. */
async function safetyOf(deps: ProtectionDeps, state: ControlState): Promise<readonly SafetySet[]> {
  const sets = state.safetySets.flatMap(({ run, host, members, keepUntil }) => members.map((member) => ({ run, host, ...member, keepUntil })))
  const there = await Promise.all(sets.map(async ({ host, safetyPath }) => (await deps.isThere?.(host, safetyPath)) ?? true))
  return sets.filter((_, index) => there[index])
}

function reviewsDue(evidence: readonly Evidence[], state: ControlState): readonly ReviewDue[] {
  const reviewed = new Set(state.reviews.map(({ run }) => run))
  return evidence.flatMap(({ reviewDue, run: { workflowId, runId }, times }) =>
    reviewDue && !reviewed.has(runId) ? [{ workflowId, run: runId, at: times.declaredAt, why: reviewDue }] : [],
  )
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
