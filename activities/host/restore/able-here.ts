/** Whether this host is able to restore what a plan names, tried without harm while there is nothing to lose. */
import type { Config } from '../../../domain/config.ts'
import { collationWarnings } from '../../../domain/collation.ts'
import type { ComponentDecision } from '../../../domain/decision.ts'
import { MusterError } from '../../../domain/failures.ts'
import { madeAfterStop } from '../../../domain/move.ts'
import type { PostgresqlManifest } from '../../../domain/repository-format.ts'
import { readManifest } from '../../../repository/catalog.ts'
import { tryOpen } from '../../../repository/try-open.ts'
import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import type { ComponentPlan } from './plan-restore.ts'
import type { PlanRestoreInput } from './types.ts'

/** A plan that is made again is not proven again: services may be stopped by then, and to refuse would only undo the run. */
export async function whereAble(agent: Agent, config: Config, input: PlanRestoreInput, plan: ComponentPlan, work: Work): Promise<ComponentPlan> {
  if (input.pinned || plan.decision.host !== agent.host) return plan
  const asked = { system: input.system, identityFile: input.identityFile ?? null }
  return { ...plan, warnings: [...plan.warnings, ...(await proveAble(agent, config, asked, plan.decision, work))] }
}

/** Of a decision: what is restored, and from where. */
export type PlannedBackup = Pick<ComponentDecision, 'component' | 'backup' | 'fromStore'>

export interface AbleAsked {
  readonly system: string
  /** Instead of the configured one. */
  readonly identityFile: string | null
}

/**
 * Reads only, and little: the manifest is cached, and of one object the beginning.
 * @returns what a person should know before approving
 * @throws MusterError IdentityMissing naming the identity; PreconditionFailed | ToolTooOld where a program is missing; Cancelled
 */
export async function proveAble(
  agent: Agent,
  config: Config,
  { system, identityFile }: AbleAsked,
  decision: PlannedBackup,
  work: Pick<Work, 'signal' | 'label'>,
): Promise<readonly string[]> {
  if (decision.backup.startsWith('safety:')) return []
  const where = `${system}/${decision.component}`
  if (decision.backup === madeAfterStop) {
    await agent.decryption(config, identityFile).catch((error: unknown) => refuseIdentity(agent, `a backup of ${where}`, error))
    return []
  }
  const store = await agent.store(config, decision.fromStore)
  const manifest = await readManifest({ verifier: await agent.verifier(config), cache: agent.cache }, store, system, decision.component, decision.backup)
  const opened = await tryOpen(store, () => agent.decryption(config, identityFile), manifest, work).catch((error: unknown) =>
    refuseIdentity(agent, `backup ${manifest.backup} of ${where}`, error),
  )
  return [...opened, ...(manifest.type === 'postgresql' ? await fitsHere(agent, config, system, manifest) : [])]
}

/** A run ends with the message of what failed, and without its hint. */
function refuseIdentity(agent: Agent, what: string, error: unknown): never {
  if (!(error instanceof MusterError) || error.type !== 'IdentityMissing') throw error
  throw new MusterError('IdentityMissing', `host ${agent.host} cannot open ${what}: ${error.message}; ${error.hint}`, { cause: error, hint: error.hint })
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
