import { type BreachRotation, noBreachConfig } from '../../domain/breach.ts'
import type { SystemConfig } from '../../domain/config.ts'
import { siteOfSystem } from '../../domain/copies.ts'
import { MusterError } from '../../domain/failures.ts'
import { type FenceWay, isPlanned, type MoveProcedure, type MoveSource } from '../../domain/move.ts'
import { otherSite, placedAt } from '../../domain/placement.ts'
import { defaultTimeLimits, type TimeLimits } from '../../domain/time-limits.ts'
import { rightSite } from '../../domain/right-site.ts'
import { type Agent, systemOf } from '../agent.ts'
import type { Work } from '../boundary.ts'
import { activeSite } from './active-site.ts'
import type { RestoreScope } from './scope-restore.ts'
import { type SuspectedSource, suspectedSource } from './suspected-source.ts'

export interface MoveScope extends RestoreScope {
  readonly from: string
  readonly to: string
  readonly source: MoveSource
  /** All components there, trees too, for what has to be looked at. */
  readonly sourceComponents: readonly { readonly component: string; readonly host: string }[]
  readonly fence: readonly FenceWay[]
  readonly limits: TimeLimits
  /** What a person should know before the plan is approved. */
  readonly warnings?: readonly string[]
  /** Where hosts of the old side are under suspicion: what is changed before the opening, and looked at. */
  readonly breach?: { readonly rotate: BreachRotation; readonly review: readonly string[] }
}

export interface ScopeMoveInput {
  readonly system: string
  readonly procedure: MoveProcedure
  readonly configHash: string | null
  /** Hosts whose agents are not believed. */
  readonly suspects?: readonly string[]
}

/**
 * Says from where to where a system moves, and what of it is on which host at both sites.
 *
 * Effect: none.
 * Idempotent: yes, it only reads.
 * Heartbeat: none needed.
 * Fails with: UnknownName, InvalidInput (no other site), WrongTarget (it is there already), NotActiveSite, Unreachable,
 *   PreconditionFailed (a planned move away from a host under suspicion).
 */
export function scopeMove(agent: Agent) {
  return async (input: ScopeMoveInput, _work: Work): Promise<MoveScope> => {
    const { config, whole, hash } = await agent.config(input.configHash)
    const system = systemOf(config, input.system)
    if (!system.failover) {
      throw new MusterError('InvalidInput', `system "${input.system}" has no other site`, { hint: 'write failover for it in muster.yaml, then: muster apply' })
    }
    const from = await activeSite(agent, whole, input.system)
    const to = otherSite(whole, input.system, from)
    refuseWrongSite(input, { from, to, here: agent.site, home: siteOfSystem(whole, input.system) })
    const old = systemOf(placedAt(whole, from), input.system)
    const there = Object.entries(old.components).map(([component, { host }]) => ({ component, host }))
    const here = Object.entries(system.components).map(([component, { host }]) => ({ component, host }))
    const services = [...system.services].reverse().map(({ name, host }) => ({ service: name, host }))
    const suspected = await suspectedSource(
      agent,
      whole,
      input.system,
      [...there, ...old.services].map(({ host }) => host),
    )
    refusePlanned(input, suspected)
    return {
      configHash: hash,
      hosts: [...new Set([...here, ...services].map(({ host }) => host))],
      components: here,
      services,
      from,
      to,
      source: {
        databases: there.filter(({ component }) => old.components[component]?.type === 'postgresql'),
        services: [...old.services].reverse().map(({ name, host }) => ({ service: name, host })),
      },
      sourceComponents: there,
      fence: waysToFence(
        input.procedure,
        system.failover.fence !== undefined && to === system.failover.to,
        input.suspects !== undefined || suspected.hosts.length > 0,
      ),
      // Who answers the breach knows.
      ...(suspected.warnings.length > 0 && input.suspects === undefined && { warnings: suspected.warnings }),
      ...(input.suspects && { breach: breachOf(system) }),
      limits: config.limits ?? defaultTimeLimits,
    }
  }
}

function breachOf({ breach }: SystemConfig): NonNullable<MoveScope['breach']> {
  const { rotate, review } = breach ?? noBreachConfig
  return {
    rotate: { roles: rotate.roles.map(({ component, role }) => ({ component, role })), commands: rotate.commands.map(({ name }) => name) },
    review,
  }
}

/**
 * In a planned move nothing but the old side's own agents will do: with another proof something could be lost. What a
 * host under suspicion says of itself proves nothing.
 */
function waysToFence(procedure: MoveProcedure, hasCommand: boolean, isSuspect: boolean): readonly FenceWay[] {
  if (isPlanned(procedure)) return ['agents']
  return [...(isSuspect ? [] : (['agents'] as const)), ...(hasCommand ? (['command'] as const) : []), 'people']
}

/** It has no other proof than the word of those agents. */
function refusePlanned({ system, procedure }: ScopeMoveInput, { hosts, warnings }: SuspectedSource): void {
  if (!isPlanned(procedure) || hosts.length === 0) return
  throw new MusterError('PreconditionFailed', `a ${procedure} takes the word of the agents it leaves; ${warnings.join('; ')}`, {
    hint: `move it without them: muster failover ${system}, or answer the breach: muster scenario security-breach ${system}`,
  })
}

function refuseWrongSite(
  { system, procedure }: { readonly system: string; readonly procedure: MoveProcedure },
  sites: { readonly from: string; readonly to: string; readonly here: string; readonly home: string },
): void {
  const { from, to, here, home } = sites
  if (procedure === 'failback' && from === home) throw new MusterError('WrongTarget', `system "${system}" is at its home site ${home} already`)
  if (here !== to) {
    throw new MusterError(
      'WrongTarget',
      `system "${system}" is active at site ${from} and would go to ${to}, but this run works at site ${here}; ${rightSite(to)}`,
      {
        hint: `start it from the command line, which asks the right site: muster ${procedure} ${system}`,
      },
    )
  }
}
