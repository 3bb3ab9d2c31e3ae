/** Observes both sites and makes the plan of a move; made again right before the first irreversible step. */
import type { RestorePlan } from '../../activities/host/restore/types.ts'
import type { MoveScope } from '../../activities/site/scope-move.ts'
import { fencePeople, isPlanned, type MoveDecision, type MoveProcedure } from '../../domain/move.ts'
import type { DatabaseObservation, TargetObservation } from '../../domain/target.ts'
import { toMicros } from '../../domain/times.ts'
import { firstLimits } from '../../domain/time-limits.ts'
import { onSite, promptOnSite, urgentOnHost } from '../activity-options.ts'
import type { MoveInput } from '../messages.ts'
import { unlessNobodyWorks } from '../nobody-works.ts'
import { fail } from '../procedure.ts'
import { proveOnOthers } from '../restore/prove-on-others.ts'
import { planRecords } from './dns.ts'
import { lookAtSource } from './source.ts'

export interface PlannedMove {
  readonly plan: RestorePlan
  readonly scope: MoveScope
  /** What a person should know of the records before approving. */
  readonly dnsWarnings: readonly string[]
  /** Hosts of the old side whose agents did not answer. */
  readonly absent: readonly string[]
}

/** @param before the approved plan that is made again; then the old side is not looked at, since the decision does not depend on it */
export async function makeMovePlan(
  site: string,
  procedure: MoveProcedure,
  input: MoveInput,
  before: RestorePlan | null,
  summary: string,
): Promise<PlannedMove> {
  if (input.to && isPlanned(procedure))
    throw fail('InvalidInput', `a ${procedure} loses nothing, so it goes to no earlier moment; a failover does: muster failover`)
  const pinned = before?.decision ?? null
  const asked = before ? onSite(site, 'control', before.limits) : promptOnSite(site, firstLimits)
  const look = asked.scopeMove.executeWithOptions({ summary: `from where to where ${input.system} moves` }, [
    { system: input.system, procedure, configHash: pinned?.configHash ?? input.configHash ?? null, ...(input.breach && { suspects: input.breach.suspects }) },
  ])
  const scope = await (before ? look : unlessNobodyWorks(site, look))
  const [observations, source, dns] = await Promise.all([
    observeDestination(input.system, scope),
    pinned ? null : lookAtSource(input.system, scope, [], input.breach === undefined && scope.fence.includes('agents')),
    planRecords(site, procedure, input.system, scope),
  ])
  if (source && isPlanned(procedure)) refuseAbsent(procedure, input.system, source.absent)
  const [first] = scope.hosts
  if (first === undefined) throw fail('NothingToDo', `system "${input.system}" has nothing to move`)
  const request = {
    procedure,
    system: input.system,
    components: null,
    target: input.to ? { kind: 'time' as const, time: toMicros(input.to.time) } : { kind: 'latest' as const },
    incarnation: null,
    from: input.from ?? null,
    into: null,
    path: null,
    back: null,
    openWith: input.openWith ?? [],
    newerFiles: null,
    stopFirst: null,
    requester: input.requestedBy ?? 'unknown',
    expiresAt: input.expiresAt ?? null,
    configHash: scope.configHash,
    ...(input.identityFile !== undefined && { identityFile: input.identityFile }),
    observations: observations.map((one) => (one.type === 'postgresql' ? withTail(one, scope.from, source?.databases ?? []) : one)),
    pinned,
    move: moveDecision(scope, input, dns.changes),
  }
  const made = await urgentOnHost(first, 'control', scope.limits).planRestore.executeWithOptions({ summary }, [request])
  const planned = await proveOnOthers(made, { host: first, identityFile: input.identityFile ?? null, again: pinned !== null })
  // Beside the decision: whoever approves reads them with it.
  const plan = { ...planned, forecast: { ...planned.forecast, warnings: [...(scope.warnings ?? []), ...planned.forecast.warnings] } }
  return { plan, scope, dnsWarnings: dns.warnings, absent: source?.absent ?? [] }
}

function refuseAbsent(procedure: MoveProcedure, system: string, absent: readonly string[]): void {
  if (absent.length === 0) return
  throw fail(
    'AgentAbsent',
    `a ${procedure} of ${system} loses nothing, and for that the agents of the old side have to answer; absent: ${absent.join(', ')}. Where they are lost: muster failover ${system}`,
  )
}

/** Who names an earlier moment means to leave what is newer. */
function moveDecision({ from, to, source, fence, breach }: MoveScope, input: MoveInput, dns: MoveDecision['dns']): MoveDecision {
  const acceptLoss = input.acceptLoss ?? input.to !== undefined
  const asked = input.breach && breach ? { run: input.breach.run, since: input.breach.since, suspects: input.breach.suspects, rotate: breach.rotate } : null
  return { from, to, source, fence, fencePeople, dns, acceptLoss, ...(asked && { breach: asked }) }
}

async function observeDestination(system: string, scope: MoveScope): Promise<readonly TargetObservation[]> {
  const observed = await Promise.all(
    scope.hosts.map((host) =>
      urgentOnHost(host, 'control', scope.limits).observeTargets.executeWithOptions({ summary: `look at the target on ${host}` }, [
        {
          system,
          components: scope.components.filter((one) => one.host === host).map(({ component }) => component),
          services: scope.services.filter((one) => one.host === host).map(({ service }) => service),
          configHash: scope.configHash,
          into: null,
        },
      ]),
    ),
  )
  return observed.flat()
}

/** Later WAL is looked for at the old side; what lies at the target is of another life. */
function withTail(observation: DatabaseObservation, from: string, source: readonly DatabaseObservation[]): DatabaseObservation {
  const seen = source.find(({ component }) => component === observation.component)
  const absent = { source: `site ${from}`, found: false, detail: 'no agent answers there: only what it shipped is left' }
  return { ...observation, tailSources: seen?.tailSources ?? [absent] }
}
