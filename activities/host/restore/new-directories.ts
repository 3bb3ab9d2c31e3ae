import { rm } from 'node:fs/promises'
import type { PostgresqlDecision } from '../../../domain/decision.ts'
import { MusterError } from '../../../domain/failures.ts'
import type { Agent } from '../../agent.ts'
import { newDirectories } from './places.ts'

/**
 * Removes the directories that a restored copy has outside its data directory. Idempotent.
 * @throws MusterError EpochSuperseded when the data directory in service points to one of them: the copy went in
 */
export async function removeNewDirectories(agent: Pick<Agent, 'postgresql'>, decision: PostgresqlDecision): Promise<void> {
  const wal = await agent.postgresql.linkedWalDirectory(decision.directory)
  const tablespaces = await agent.postgresql.linkedTablespaces(decision.directory)
  const used = [...tablespaces.map(({ path }) => path), ...(wal === undefined ? [] : [wal])]
  for (const directory of newDirectories(decision)) {
    if (used.includes(directory)) {
      throw new MusterError('EpochSuperseded', `${directory} is not removed: the data in ${decision.directory} uses it`, {
        hint: 'the restored copy is in place; the journal beside it lists each rename',
      })
    }
    await rm(directory, { recursive: true, force: true })
  }
}
