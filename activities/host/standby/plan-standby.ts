import type { PostgresqlComponentConfig } from '../../../domain/config.ts'
import type { ControlState } from '../../../domain/control-state.ts'
import type { PostgresqlDecision } from '../../../domain/decision.ts'
import { MusterError } from '../../../domain/failures.ts'
import type { Standby } from '../../../domain/standby.ts'
import type { DatabaseObservation } from '../../../domain/target.ts'
import { secondsBetween } from '../../../domain/times.ts'
import { type Agent, componentOf, systemOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { observeTargets } from '../restore/observe-targets.ts'
import { planDatabase } from '../restore/plan-database.ts'
import { standbyName } from '../restore/places.ts'
import { readState } from '../restore/repository-view.ts'
import type { DatabaseStep } from '../restore/types.ts'
import { holdStandby } from './standby-hold.ts'
import { seedName } from './seed-standby.ts'
import { standbyStep } from './standby-note.ts'

export interface PlannedStandby {
  /** Null where nothing is to be done now. */
  readonly step: (DatabaseStep & { readonly seed: string }) | null
  /** The backup has to be restored first. */
  readonly seeds: boolean
  readonly why: string
}

/** What a run has taken is left alone for so long: it may give it back. */
const adoptedSeconds = 3600

/**
 * Says how the standby of a database is brought to the newest moment: as it is, or from a new backup.
 *
 * Effect: the standby is held for this run, until it was caught up or has not been for two minutes.
 * Idempotent: yes.
 * Heartbeat: none needed.
 * Fails with: BackupNotFound, RecoveryTargetUnreachable, WrongTarget, NotEnoughSpace, IdentityMissing, Unreachable.
 */
export function planStandby(agent: Agent) {
  return async (input: { readonly system: string; readonly component: string; readonly configHash: string }, work: Work): Promise<PlannedStandby> => {
    const { config } = await agent.config(input.configHash)
    const component = componentOf(config, input.system, input.component) as PostgresqlComponentConfig
    if (!config.encryption.restoreHosts.includes(agent.host)) {
      throw new MusterError('IdentityMissing', `host "${agent.host}" is not among encryption.restoreHosts, so it cannot read backups`)
    }
    const asked = { system: input.system, components: [input.component], services: [], configHash: input.configHash, into: null }
    const [observation] = (await observeTargets(agent)(asked, work)) as readonly DatabaseObservation[]
    if (!observation) throw new MusterError('UnknownName', `nothing of ${input.system}/${input.component} is here`)
    const { standby } = observation
    const state = await readState(agent, config, input.system)
    if (standby && mayComeBack(agent, standby, state)) return { step: null, seeds: false, why: `run ${standby.adoptedBy} has taken it` }
    const seed = seedName(input.system, input.component, work.runId)
    const system = systemOf(config, input.system)
    const roomier = { ...observation, freeBytes: observation.freeBytes + (await bytesOfFormer(agent, input, observation)) }
    const request = { ...newest, system: input.system, observations: [roomier], configHash: input.configHash }
    const common = { agent, config, system, state, input: request, name: input.component, short: seed, component, observation: roomier, work }
    const { decision, point } = await planDatabase(common)
    const plan = decision as PostgresqlDecision
    const kept = plan.standby?.seed ?? null
    if (!(await holdStandby(agent, input, work))) return { step: null, seeds: false, why: 'another run refreshes it now' }
    return {
      step: { ...standbyStep(input.system, input.configHash, plan, kept ?? seed), seed: kept ?? seed },
      seeds: kept === null,
      why: point.why,
    }
  }
}

/** A new copy takes the place of the former one, which is removed first. */
async function bytesOfFormer(agent: Agent, { system, component }: { system: string; component: string }, { directory, setAside }: DatabaseObservation) {
  return agent.members.sizeOf(agent.members.asideDirectory(agent.members.describeMember(directory, standbyName(system, component), setAside)))
}

/** What a move that went through has taken is in service, or was. */
function mayComeBack(agent: Agent, { state, adoptedBy, adoptedAt }: Standby, { fences }: ControlState): boolean {
  if (state !== 'adopted' || adoptedAt === undefined) return false
  return secondsBetween(adoptedAt, agent.now().toISOString()) < adoptedSeconds && !fences.some(({ run }) => run === adoptedBy)
}

/** What a failover would ask for. */
const newest = {
  procedure: 'failover',
  components: null,
  target: { kind: 'latest' },
  incarnation: null,
  from: null,
  into: null,
  path: null,
  back: null,
  openWith: [],
  newerFiles: null,
  stopFirst: null,
  requester: 'refresh-standby',
  expiresAt: null,
  pinned: null,
} as const
