import { judgeCopies, isOffHost, isOffSite } from '../../domain/copies.ts'
import { MusterError } from '../../domain/failures.ts'
import type { ComponentConfig, Config, RequiredCopies, SystemConfig } from '../../domain/config.ts'
import type { TimeLimits } from '../../domain/time-limits.ts'
import type { Work } from '../boundary.ts'
import { type Agent, systemOf } from '../agent.ts'
import { readRecords } from '../../repository/control-records.ts'
import { foldRecords } from '../../domain/control-state.ts'
import { defaultTimeLimits } from '../../domain/time-limits.ts'
import { rightSite } from '../../domain/right-site.ts'

export interface PlanBackupInput {
  readonly system: string
  readonly components: readonly string[] | null
  readonly configHash: string | null
}

export interface BackupPlan {
  readonly configHash: string
  readonly required: RequiredCopies
  /** Components that may run beside each other, wave after wave: databases, what follows them, the rest. */
  readonly waves: readonly (readonly PlannedComponent[])[]
  readonly limits: TimeLimits
}

export interface PlannedComponent {
  readonly component: string
  readonly type: ComponentConfig['type']
  readonly host: string
  readonly stores: readonly PlannedStore[]
}

export interface PlannedStore {
  readonly store: string
  readonly offHost: boolean
  readonly offSite: boolean
}

/**
 * Decides what a backup of a system consists of.
 *
 * Effect: none.
 * Idempotent: yes, it only reads.
 * Heartbeat: none needed.
 * Fails with: UnknownName, NotActiveSite, CopiesMissing.
 */
export function planBackup(agent: Agent) {
  return async (input: PlanBackupInput, _work: Work): Promise<BackupPlan> => {
    const { config, hash } = await agent.config(input.configHash)
    const system = systemOf(config, input.system)
    const names = input.components ?? Object.keys(system.components)
    const unknown = names.find((name) => !system.components[name])
    if (unknown !== undefined) {
      throw new MusterError('UnknownName', `system "${input.system}" has no component "${unknown}"; it has: ${Object.keys(system.components).join(', ')}`)
    }
    await refuseElsewhere(agent, config, input.system)
    for (const name of names) refuseUnattainable(config, system, input.system, name)
    return { configHash: hash, required: system.copies.required, waves: wavesOf(config, system, names), limits: config.limits ?? defaultTimeLimits }
  }
}

/** A system is backed up where it is active, and nowhere else. */
async function refuseElsewhere(agent: Agent, config: Config, system: string): Promise<void> {
  const verifier = await agent.verifier(config)
  const stores = await Promise.all(Object.keys(config.stores).map((name) => agent.store(config, name)))
  const { records } = await readRecords({ stores, verifier }, system)
  const { site } = foldRecords(records)
  if (site && site.site !== agent.site) {
    throw new MusterError('NotActiveSite', `system "${system}" is active at site "${site.site}", this is site "${agent.site}"; ${rightSite(site.site)}`)
  }
}

function refuseUnattainable(config: Config, system: SystemConfig, systemName: string, name: string): void {
  const component = system.components[name] as ComponentConfig
  const judged = judgeCopies(config, system.copies.required, component.host, component.stores)
  if (!judged.met) {
    throw new MusterError('CopiesMissing', `the stores of ${systemName}/${name} can never satisfy the required copies: ${judged.missing}`, {
      hint: 'add a store, or lower copies.required',
    })
  }
}

function wavesOf(config: Config, system: SystemConfig, names: readonly string[]): readonly (readonly PlannedComponent[])[] {
  const planned = (name: string): PlannedComponent => {
    const component = system.components[name] as ComponentConfig
    const stores = component.stores.flatMap((store) => {
      const facts = config.stores[store]
      return facts ? [{ store, offHost: isOffHost(facts, component.host), offSite: isOffSite(config, facts, component.host) }] : []
    })
    return { component: name, type: component.type, host: component.host, stores }
  }
  const follows = (name: string) => {
    const component = system.components[name]
    return component?.type === 'files' && component.follows !== undefined && names.includes(component.follows)
  }
  const databases = names.filter((name) => system.components[name]?.type === 'postgresql')
  const followers = names.filter((name) => follows(name))
  const others = names.filter((name) => !databases.includes(name) && !followers.includes(name))
  return [[...databases, ...others], followers].filter((wave) => wave.length > 0).map((wave) => wave.map(planned))
}
