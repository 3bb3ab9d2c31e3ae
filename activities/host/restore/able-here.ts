/** Whether this host is able to restore what a plan names, tried without harm while there is nothing to lose. */
import type { Config } from '../../../domain/config.ts'
import { collationWarnings } from '../../../domain/collation.ts'
import type { ComponentDecision } from '../../../domain/decision.ts'
import { MusterError } from '../../../domain/failures.ts'
import { madeAfterStop } from '../../../domain/move.ts'
import type { PostgresqlManifest } from '../../../domain/repository-format.ts'
import { readManifest } from '../../../repository/catalog.ts'
import type { Agent } from '../../agent.ts'
import type { ComponentPlan } from './plan-restore.ts'
import type { PlanRestoreInput } from './types.ts'

/** A plan that is made again is not proven again: services may be stopped by then, and to refuse would only undo the run. */
export async function whereAble(agent: Agent, config: Config, input: PlanRestoreInput, plan: ComponentPlan): Promise<ComponentPlan> {
  if (input.pinned || plan.decision.host !== agent.host) return plan
  return { ...plan, warnings: [...plan.warnings, ...(await proveAble(agent, config, input.system, plan.decision))] }
}

/**
 * Reads only, and little: the manifest is cached.
 * @returns what a person should know before approving
 * @throws MusterError PreconditionFailed | ToolTooOld where a program is missing
 */
export async function proveAble(agent: Agent, config: Config, system: string, decision: ComponentDecision): Promise<readonly string[]> {
  if (decision.backup === madeAfterStop || decision.backup.startsWith('safety:')) return []
  const deps = { verifier: await agent.verifier(config), cache: agent.cache }
  const manifest = await readManifest(deps, await agent.store(config, decision.fromStore), system, decision.component, decision.backup)
  return manifest.type === 'postgresql' ? fitsHere(agent, config, system, manifest) : []
}

async function fitsHere(agent: Agent, config: Config, system: string, { component, postgresql }: PostgresqlManifest): Promise<readonly string[]> {
  const instance = await agent.instance(config, system, component)
  const major = Math.floor(postgresql.serverVersion / 10_000)
  await agent.postgresql.assertRestorePrograms(instance, major).catch((error: unknown) => {
    if (!(error instanceof MusterError)) throw error
    const what = `${system}/${component} is of PostgreSQL ${postgresql.serverVersionText}, which host ${agent.host} cannot restore`
    // A run ends with the message of what failed, and without its hint.
    throw new MusterError(error.type, `${what}: ${error.message}; ${error.hint}`, { cause: error, hint: error.hint })
  })
  return collationWarnings(component, agent.host, postgresql, await agent.postgresql.readCollationLibraries(instance, major))
}
