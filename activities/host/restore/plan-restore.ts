import type { Config, FilesComponentConfig, PostgresqlComponentConfig, SystemConfig } from '../../../domain/config.ts'
import { type ControlState, currentIncarnation } from '../../../domain/control-state.ts'
import type { ComponentDecision, RestoreDecision, RestoreForecast } from '../../../domain/decision.ts'
import { decisionText } from '../../../domain/decision.ts'
import { MusterError } from '../../../domain/failures.ts'
import type { DatabaseObservation, ServiceObservation, TreeObservation } from '../../../domain/target.ts'
import { defaultTimeLimits } from '../../../domain/time-limits.ts'
import { sha256Hex } from '../../../repository/signed-document.ts'
import { type Agent, systemOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { planDatabase } from './plan-database.ts'
import { planTree } from './plan-tree.ts'
import { readState } from './repository-view.ts'
import type { PlanRestoreInput, RestorePlan } from './types.ts'

/** What planning one component adds. */
export interface ComponentPlan {
  readonly decision: ComponentDecision
  readonly point: RestoreForecast['recoveryPoint'][number]
  readonly newestReachableAt: string | null
  readonly lossNow: string
  readonly lossAfterTail: string
  readonly space: RestoreForecast['space']
  readonly tailSources: RestoreForecast['tailSources']
  readonly warnings: readonly string[]
  readonly restoreBytes: number
}

/** Restoring reads, decrypts and writes at least this fast on ordinary disks; used until a restore was measured. */
const assumedBytesPerSecond = 60e6

/**
 * Makes the plan of a restore: the decision with its hash, and the forecast.
 *
 * Effect: none.
 * Idempotent: yes; with `pinned` it takes free choices from the approved decision.
 * Heartbeat: each component planned.
 * Fails with: UnknownName, NotActiveSite, BackupNotFound, RecoveryTargetUnreachable, TargetRunning,
 *   TargetNotEmpty, WrongTarget, NotEnoughSpace, IdentityMissing, NotSupported, OutOfBounds.
 */
export function planRestore(agent: Agent) {
  return async (input: PlanRestoreInput, work: Work): Promise<RestorePlan> => {
    const { config, hash } = await agent.config(input.configHash)
    const system = systemOf(config, input.system)
    const state = await readState(agent, config, input.system)
    if (state.site && state.site.site !== agent.site) {
      throw new MusterError('NotActiveSite', `system "${input.system}" is active at site "${state.site.site}", this is site "${agent.site}"`)
    }
    const names = componentsOf(system, input)
    const expiresAt = expiryOf(input, system, agent.now())
    const plans: ComponentPlan[] = []
    for (const name of names) {
      work.progress({ phase: name, doneBytes: plans.length, totalBytes: null })
      plans.push(await planComponent(agent, config, system, state, input, name, plans, work, expiresAt))
    }
    const decision = decide(input, config, system, hash, expiresAt, plans)
    return {
      decision,
      decisionHash: sha256Hex(decisionText(decision)),
      forecast: forecast(input, plans, state),
      limits: config.limits ?? defaultTimeLimits,
      commitAfterSeconds: system.restore.commitAfterSeconds,
      keepSafetySetsSeconds: system.restore.keepSafetySetsSeconds,
      healthSeconds: Math.max(...system.services.map((one) => one.startTimeoutSeconds), 30),
    }
  }
}

function componentsOf(system: SystemConfig, input: PlanRestoreInput): readonly string[] {
  const names = input.components ?? Object.keys(system.components)
  if (input.into && names.length !== 1) {
    throw new MusterError('InvalidInput', 'a restore elsewhere takes one component at a time', { hint: `name it: --component ${names[0]}` })
  }
  if (input.path !== null && !input.into) {
    throw new MusterError('InvalidInput', 'one path alone is restored beside, never over the tree it belongs to', {
      hint: 'add --into DIR, then copy from there what is needed',
    })
  }
  if (input.path !== null && (names.length !== 1 || system.components[names[0] as string]?.type !== 'files')) {
    throw new MusterError('InvalidInput', 'one path alone can be restored of a `files` component, named with --component')
  }
  // Databases first: the moment they reach decides which tree backup fits.
  const rank = (name: string) => (system.components[name]?.type === 'postgresql' ? 0 : 1)
  return [...names].sort((a, b) => rank(a) - rank(b))
}

async function planComponent(
  agent: Agent,
  config: Config,
  system: SystemConfig,
  state: ControlState,
  input: PlanRestoreInput,
  name: string,
  before: readonly ComponentPlan[],
  work: Work,
  expiresAt: string,
): Promise<ComponentPlan> {
  const component = system.components[name] as PostgresqlComponentConfig | FilesComponentConfig
  const observation = input.observations.find((one) => one.type !== 'service' && one.component === name)
  if (!observation) throw new MusterError('AgentAbsent', `nobody looked at ${input.system}/${name} on host "${component.host}"`)
  if (!config.encryption.restoreHosts.includes(component.host)) {
    throw new MusterError('IdentityMissing', `host "${component.host}" is not among encryption.restoreHosts, so it cannot read backups`)
  }
  const common = { agent, config, system, state, input, name, short: sha256Hex(`${input.system} ${expiresAt}`).slice(0, 8), work }
  if (component.type === 'postgresql') return planDatabase({ ...common, component, observation: observation as DatabaseObservation })
  return planTree({ ...common, component, observation: observation as TreeObservation, reached: before[0]?.point.at ?? null })
}

/** A plan that is approved in the same breath keeps its expiry, or its hash could never match. */
function expiryOf(input: PlanRestoreInput, system: SystemConfig, now: Date): string {
  if (input.pinned) return input.pinned.expiresAt
  const latest = new Date(now.getTime() + system.restore.approvalExpiresSeconds * 1000).toISOString()
  if (input.expiresAt === null) return latest
  const given = new Date(input.expiresAt).toISOString()
  if (given <= now.toISOString()) throw new MusterError('ApprovalExpired', `the plan expired at ${given}`)
  return given < latest ? given : latest
}

function decide(
  input: PlanRestoreInput,
  config: Config,
  system: SystemConfig,
  hash: string,
  expiresAt: string,
  plans: readonly ComponentPlan[],
): RestoreDecision {
  const mode = input.into ? 'elsewhere' : input.back !== null ? 'back' : 'in-place'
  const services = input.observations.filter((one): one is ServiceObservation => one.type === 'service')
  const order = [...system.services].reverse().map(({ name }) => name)
  const { approvals } = system.restore
  return {
    format: 'muster-decision-1',
    procedure: input.procedure,
    organisation: config.organisation,
    system: input.system,
    configHash: hash,
    target: input.target,
    mode,
    components: plans.map(({ decision }) => decision),
    services:
      mode === 'elsewhere'
        ? []
        : [...services]
            .sort((a, b) => order.indexOf(a.service) - order.indexOf(b.service))
            .map(({ service, host, state }) => ({ name: service, host, state: state === 'stopped' && isLost(input) ? 'lost' : state })),
    stopFirst: input.stopFirst ?? system.restore.stopFirst,
    steps: stepsOf(mode, input.stopFirst ?? system.restore.stopFirst, input.target.kind === 'latest'),
    pointOfNoReturn: 'open',
    bounds: { lastCommitAtLeast: null, lsnAtLeast: null },
    openWith: input.openWith,
    approvals: { ...approvals, count: mode === 'elsewhere' ? 0 : approvals.count, requester: input.requester },
    expiresAt,
  }
}

/** A service that is down beside data that is gone went down with it; one that was down before stays down. */
function isLost(input: PlanRestoreInput): boolean {
  return input.observations.some((one) => one.type === 'postgresql' && (one.content === 'absent' || one.content === 'empty'))
}

function stepsOf(mode: RestoreDecision['mode'], stopFirst: boolean, latest: boolean): readonly string[] {
  const end = ['promote', 'swap', 'start-closed', 'check', 'protect-again', 'open', 'health', 'commit', 'full-backup']
  const stop = ['stop', 'save-tail']
  const aside = ['restore-aside', 'check-aside']
  const tail = latest ? ['replay-tail'] : []
  if (mode === 'elsewhere') return [...aside, 'promote', 'place']
  if (mode === 'back') return [...stop, ...end]
  return stopFirst ? [...stop, ...aside, ...tail, ...end] : [...aside, ...stop, ...tail, ...end]
}

function forecast(input: PlanRestoreInput, plans: readonly ComponentPlan[], state: ControlState): RestoreForecast {
  const bytes = plans.reduce((sum, one) => sum + one.restoreBytes, 0)
  const outdated = state.gaps.length > 0 ? [`${state.gaps.length} gap(s) of WAL are recorded; windows do not cross them`] : []
  const databases = plans.filter(({ decision }) => decision.type === 'postgresql')
  return {
    recoveryPoint: plans.map(({ point }) => point),
    newestReachableAt: databases[0]?.newestReachableAt ?? null,
    loss: {
      now:
        plans
          .map(({ lossNow }) => lossNow)
          .filter(Boolean)
          .join('; ') || 'none known',
      afterTail:
        plans
          .map(({ lossAfterTail }) => lossAfterTail)
          .filter(Boolean)
          .join('; ') || 'none known',
    },
    tailSources: plans.flatMap(({ tailSources }) => tailSources),
    durationSeconds: Math.ceil(bytes / assumedBytesPerSecond + 5 + 3 * plans.length),
    durationBasis: `${Math.ceil(bytes / 1e6)} MB at an assumed ${assumedBytesPerSecond / 1e6} MB/s`,
    space: plans.flatMap(({ space }) => space),
    storesOut: [],
    warnings: [
      ...plans.flatMap(({ warnings }) => warnings),
      ...outdated,
      ...(input.openWith.length > 0 ? [`will open even if ${input.openWith.join(', ')} cannot be reached`] : []),
    ],
  }
}

/** The incarnation that a running or stopped target is, as recorded. */
export function targetIncarnation(state: ControlState, component: string): string | null {
  return currentIncarnation(state, component)?.incarnation ?? null
}
