import { approversOf } from '../../../domain/approval.ts'
import type { Config, FilesComponentConfig, PostgresqlComponentConfig, SystemConfig } from '../../../domain/config.ts'
import { turnsOf } from '../../../domain/contacts.ts'
import { type ControlState, currentIncarnation } from '../../../domain/control-state.ts'
import type { ComponentDecision, RestoreDecision } from '../../../domain/decision.ts'
import { decisionText } from '../../../domain/decision.ts'
import { MusterError } from '../../../domain/failures.ts'
import { moveSteps } from '../../../domain/move.ts'
import type { ForecastFigures } from '../../../domain/forecast.ts'
import type { RecoveryAmount } from '../../../domain/recovery-pace.ts'
import type { DatabaseObservation, ServiceObservation, TreeObservation } from '../../../domain/target.ts'
import { defaultTimeLimits } from '../../../domain/time-limits.ts'
import { rightSite } from '../../../domain/right-site.ts'
import { sha256Hex } from '../../../repository/signed-document.ts'
import { type Agent, systemOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { whereAble } from './able-here.ts'
import { planDatabase } from './plan-database.ts'
import { takeForecast } from './take-forecast.ts'
import { lossBeyond } from './loss-beyond.ts'
import { planTree } from './plan-tree.ts'
import { readState } from './repository-view.ts'
import type { PlanRestoreInput, RestorePlan } from './types.ts'

/** What planning one component adds. */
export interface ComponentPlan {
  readonly decision: ComponentDecision
  readonly point: ForecastFigures['recoveryPoint'][number]
  readonly newestReachableAt: string | null
  readonly loss: ComponentLoss
  readonly space: ForecastFigures['space']
  readonly tailSources: ForecastFigures['tailSources']
  readonly warnings: readonly string[]
  /** What has to be moved for it. */
  readonly amount: Pick<RecoveryAmount, 'dataBytes' | 'walBytes' | 'copiedBytes'>
  /** Why it does not begin from a standby as it should, or from one that is old. */
  readonly notWarm?: readonly string[]
}

/** In words, empty where nothing is lost, and in seconds up to now, null where that cannot be told. */
export interface ComponentLoss {
  readonly now: string
  readonly afterTail: string
  readonly nowSeconds: number | null
  readonly afterTailSeconds: number | null
}

/**
 * Makes the plan of a restore: the decision with its hash, and the forecast.
 *
 * Effect: the forecast, as an object of its own in each store that takes it; nothing else.
 * Idempotent: yes; with `pinned` it takes free choices from the approved decision. Made again, it leaves one more forecast.
 * Heartbeat: each component planned.
 * Fails with: UnknownName, NotActiveSite, BackupNotFound, RecoveryTargetUnreachable, TargetRunning,
 *   TargetNotEmpty, WrongTarget, NotEnoughSpace, IdentityMissing, NotSupported, PreconditionFailed, ToolTooOld.
 */
export function planRestore(agent: Agent) {
  return async (input: PlanRestoreInput, work: Work): Promise<RestorePlan> => {
    const { config, hash } = await agent.config(input.configHash)
    const system = systemOf(config, input.system)
    const state = await readState(agent, config, input.system)
    refuseOtherSite(agent, input, state)
    refuseSuspects(system, input, state)
    const names = componentsOf(system, input)
    const expiresAt = expiryOf(input, system, agent.now())
    const plans: ComponentPlan[] = []
    for (const name of names) {
      work.progress({ phase: name, doneBytes: plans.length, totalBytes: null })
      const plan = await planComponent(agent, config, system, state, input, name, plans, work, expiresAt)
      plans.push(await whereAble(agent, config, input, plan, work))
    }
    const decision = decide(input, config, system, hash, expiresAt, plans)
    const decisionHash = sha256Hex(decisionText(decision))
    const turns = turnsOf(config, input.system)
    work.progress({ phase: 'forecast', doneBytes: plans.length, totalBytes: null })
    return {
      decision,
      decisionHash,
      forecast: await takeForecast(agent, config, {
        input,
        mode: decision.mode,
        plans,
        state,
        configHash: hash,
        decisionHash,
        beyond: lossBeyond(input, system, plans),
      }),
      ...notWarmOf(plans),
      limits: config.limits ?? defaultTimeLimits,
      commitAfterSeconds: system.restore.commitAfterSeconds,
      keepSafetySetsSeconds: system.restore.keepSafetySetsSeconds,
      ...(turns.length > 0 && { contacts: turns }),
      healthSeconds: Math.max(...system.services.map((one) => one.startTimeoutSeconds), 30),
    }
  }
}

function notWarmOf(plans: readonly ComponentPlan[]): Pick<RestorePlan, 'notWarm'> {
  const notWarm = plans.flatMap((one) => one.notWarm ?? [])
  return notWarm.length === 0 ? {} : { notWarm }
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
  const configured = system.components[name] as PostgresqlComponentConfig | FilesComponentConfig
  const component = input.onHost === undefined ? configured : { ...configured, host: input.onHost }
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
  const mode = modeOf(input)
  const services = input.observations.filter((one): one is ServiceObservation => one.type === 'service')
  const stopFirst = input.move ? false : (input.stopFirst ?? system.restore.stopFirst)
  const order = [...system.services].reverse().map(({ name }) => name)
  const approvals = (input.move && system.failover?.approvals) ?? system.restore.approvals
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
            .map(({ service, host, state }) => ({ name: service, host, state: state === 'stopped' && (input.move || isLost(input)) ? 'lost' : state })),
    stopFirst,
    steps: input.move ? moveSteps(input.procedure, input.move, input.target.kind === 'latest') : stepsOf(mode, stopFirst, input.target.kind === 'latest'),
    pointOfNoReturn: 'open',
    bounds: input.pinned?.bounds ?? { maxLossSeconds: (input.move && system.failover?.maxLossSeconds) ?? null },
    openWith: input.openWith,
    approvals: {
      ...approvals,
      count: mode === 'elsewhere' ? 0 : approvals.count,
      requester: input.requester,
      ...approversOf(config.people, approvals.accept),
    },
    expiresAt,
    ...(input.move && { move: input.move }),
  }
}

function modeOf({ into, back, move }: PlanRestoreInput): RestoreDecision['mode'] {
  if (move) return 'move'
  return into ? 'elsewhere' : back !== null ? 'back' : 'in-place'
}

/** A drill changes nothing in service: it may be rehearsed at any site. A move is planned where it goes to. */
function refuseOtherSite({ site: here }: Agent, { procedure, system, move }: PlanRestoreInput, { site }: ControlState): void {
  if (procedure === 'drill' || !site) return
  const right = move?.from ?? here
  if (site.site === right) return
  throw new MusterError('NotActiveSite', `system "${system}" is active at site "${site.site}", not at "${right}"${move ? '' : `; ${rightSite(site.site)}`}`)
}

/** What may be ruled by somebody else is not restored to; beside it, or in quarantine, what was there may still be looked at. */
function refuseSuspects({ components, services }: SystemConfig, { procedure, system, into, components: only }: PlanRestoreInput, state: ControlState): void {
  if (procedure === 'drill' || into) return
  const hosts = [
    ...Object.entries(components).flatMap(([name, { host }]) => (only === null || only.includes(name) ? [host] : [])),
    ...services.map(({ host }) => host),
  ]
  const found = state.suspicions.find((one) => one.until === undefined && one.hosts.some((host) => hosts.includes(host)))
  if (!found) return
  const host = found.hosts.find((one) => hosts.includes(one))
  throw new MusterError('WrongTarget', `host "${host}" is under suspicion since ${found.since}, as ${found.run} noted: ${system} is not restored to it`, {
    hint: `made anew, or nothing came of it: muster scenario security-breach ${system} --lift ${found.run} [--rebuilt] --reason TEXT; else restore it elsewhere: --into DIR`,
  })
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

/** The incarnation that a running or stopped target is, as recorded. */
export function targetIncarnation(state: ControlState, component: string): string | null {
  return currentIncarnation(state, component)?.incarnation ?? null
}
