import { type BreachDecision, breachText, noBreachConfig } from '../../../domain/breach.ts'
import type { Config, SystemConfig } from '../../../domain/config.ts'
import { type ContactTurn, turnsOf } from '../../../domain/contacts.ts'
import { MusterError } from '../../../domain/failures.ts'
import { sourceHosts } from '../../../domain/move.ts'
import { isBefore, toMicros } from '../../../domain/times.ts'
import { approversOf } from '../../../domain/approval.ts'
import { sha256Hex } from '../../../repository/signed-document.ts'
import { type Agent, systemOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { readState } from '../../host/restore/repository-view.ts'
import { type MoveScope, scopeMove } from '../scope-move.ts'

export interface ScopeBreachInput {
  readonly system: string
  readonly since: string
  readonly hosts: readonly string[]
  readonly requester: string
  /** Of the plan that was shown; null for a new one. */
  readonly expiresAt: string | null
  readonly configHash: string | null
}

export interface BreachPlan {
  readonly decision: BreachDecision
  readonly decisionHash: string
  readonly scope: MoveScope
  /** What a person should know before approving. */
  readonly warnings: readonly string[]
  readonly objectives: SystemConfig['objectives']
  /** Who is told after whom; absent where there are no contacts. */
  readonly contacts?: readonly ContactTurn[]
}

/**
 * Says what is isolated, copied, tried and changed when hosts are under suspicion: the decision that is approved first.
 *
 * Effect: none.
 * Idempotent: yes, but for the expiry where none is given.
 * Heartbeat: none needed.
 * Fails with: UnknownName, InvalidInput (a moment to come, no other site), WrongTarget (where it would go is suspected too), NotActiveSite, Unreachable.
 */
export function scopeBreach(agent: Agent) {
  return async (input: ScopeBreachInput, work: Work): Promise<BreachPlan> => {
    const scope = await scopeMove(agent)({ system: input.system, procedure: 'failover', configHash: input.configHash }, work)
    const { config } = await agent.config(scope.configHash)
    const system = systemOf(config, input.system)
    const { suspicions } = await readState(agent, config, input.system)
    const doubtful = suspicions.flatMap(({ until, hosts }) => (until === undefined ? hosts : []))
    refuseHosts(config, input, scope, doubtful)
    const since = toMicros(input.since)
    if (isBefore(agent.now().toISOString(), since)) throw new MusterError('InvalidInput', `${since} is still to come: since when may somebody have been there?`)
    const breach = system.breach ?? noBreachConfig
    const turns = turnsOf(config, input.system)
    const rule = system.failover?.approvals ?? system.restore.approvals
    const decision: BreachDecision = {
      format: 'muster-breach-1',
      procedure: 'respondToBreach',
      organisation: config.organisation,
      system: input.system,
      configHash: scope.configHash,
      since,
      suspects: [...new Set(input.hosts)].sort(),
      from: scope.from,
      to: scope.to,
      source: scope.source,
      isolate: breach.isolate.map(({ name }) => name),
      copied: scope.sourceComponents.filter(({ host }) => input.hosts.includes(host)),
      scanners: breach.scanners.map(({ name }) => name),
      candidates: breach.candidates,
      rotate: {
        roles: breach.rotate.roles.map(({ component, role }) => ({ component, role })),
        commands: breach.rotate.commands.map(({ name }) => name),
      },
      approvals: { ...rule, requester: input.requester, ...approversOf(config.people, rule.accept) },
      expiresAt: expiryOf(input, system, agent.now()),
    }
    return {
      decision,
      decisionHash: sha256Hex(breachText(decision)),
      scope,
      warnings: warningsOf(decision, input, scope),
      objectives: system.objectives,
      ...(turns.length > 0 && { contacts: turns }),
    }
  }
}

function expiryOf({ expiresAt }: ScopeBreachInput, { restore }: SystemConfig, now: Date): string {
  const latest = new Date(now.getTime() + restore.approvalExpiresSeconds * 1000).toISOString()
  if (expiresAt === null) return latest
  const given = new Date(expiresAt).toISOString()
  if (given <= now.toISOString()) throw new MusterError('ApprovalExpired', `the plan expired at ${given}`)
  return given < latest ? given : latest
}

/** @param doubtful hosts that an earlier answer has put under suspicion, and nobody has cleared */
function refuseHosts(config: Config, { system, hosts }: ScopeBreachInput, scope: MoveScope, doubtful: readonly string[]): void {
  const known = Object.values(config.sites).flatMap((site) => site.hosts)
  const unknown = hosts.find((host) => !known.includes(host))
  if (unknown !== undefined) throw new MusterError('UnknownName', `there is no host "${unknown}"; there are: ${known.join(', ')}`)
  const reached = scope.hosts.find((host) => hosts.includes(host) || doubtful.includes(host))
  if (reached !== undefined) {
    throw new MusterError('WrongTarget', `${system} would be restored to host "${reached}" of site ${scope.to}, which is under suspicion itself`, {
      hint: `give failover.components hosts that were never reached, or install new ones there; then: muster apply. Of hosts made anew since: muster scenario security-breach ${system} --lift RUN --rebuilt --reason TEXT`,
    })
  }
}

function warningsOf({ isolate, scanners, rotate }: BreachDecision, { hosts }: ScopeBreachInput, scope: MoveScope): readonly string[] {
  const others = sourceHosts(scope.source).filter((host) => !hosts.includes(host))
  return [
    ...(isolate.length === 0
      ? ['nothing takes the hosts off the network (breach.isolate): their programs are stopped, and their network is yours to cut']
      : []),
    ...(scanners.length === 0 ? ['no scanner looks at the candidates (breach.scanners): the checks of the databases alone choose'] : []),
    ...(rotate.roles.length + rotate.commands.length === 0
      ? ['nothing is rotated (breach.rotate): passwords and keys that the data knew stay as they were']
      : []),
    ...(others.length > 0 ? [`not under suspicion, and stopped all the same: ${others.join(', ')}`] : []),
  ]
}
