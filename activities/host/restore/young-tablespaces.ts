/** Tablespaces of the database in service that the chosen backup does not have yet. */
import type { Config, PostgresqlComponentConfig } from '../../../domain/config.ts'
import type { PostgresqlDecision } from '../../../domain/decision.ts'
import { MusterError } from '../../../domain/failures.ts'
import type { PostgresqlManifest } from '../../../domain/repository-format.ts'
import { type Agent, componentOf } from '../../agent.ts'
import type { DatabasePlanning } from './plan-database.ts'
import type { DatabaseStep } from './types.ts'

/**
 * Each with the directory that the copy has instead, wherever it is restored on this host.
 * @throws MusterError PreconditionFailed where the copy could not be kept out of them
 */
export async function youngTablespaces(
  { agent, input, component, observation, short }: DatabasePlanning,
  { postgresql }: PostgresqlManifest,
): Promise<NonNullable<PostgresqlDecision['youngTablespaces']>> {
  const live = input.into ? await agent.postgresql.linkedTablespaces(component.dataDirectory) : observation.tablespaces
  const young = live.filter(({ oid }) => !postgresql.tablespaces.some((one) => one.oid === oid))
  agent.postgresql.assertKeptOut(young)
  return young.map(({ oid, path }) => {
    const mountPoint = observation.tablespaces.find((one) => one.oid === oid)?.mountPoint ?? false
    const into = input.into ? `${observation.directory}-tablespace-${oid}` : agent.members.newPathBeside(path, mountPoint, short)
    return { oid, path, into }
  })
}

/**
 * Looks again before WAL is replayed: the database in service goes on.
 * @throws MusterError PreconditionFailed
 */
export async function refuseUnplannedTablespaces(agent: Agent, config: Config, step: DatabaseStep): Promise<void> {
  const { dataDirectory } = componentOf(config, step.system, step.component) as PostgresqlComponentConfig
  const planned = [...step.decision.tablespaces, ...(step.decision.youngTablespaces ?? [])]
  const unplanned = (await agent.postgresql.linkedTablespaces(dataDirectory)).find(({ oid }) => !planned.some((one) => one.oid === oid))
  if (unplanned === undefined) return
  throw new MusterError('PreconditionFailed', `the tablespace ${unplanned.path} was made after the plan: replaying its creation would write into it`, {
    hint: 'plan again: the new plan keeps the copy out of it',
  })
}
