import { sha256Hex } from '../../../repository/signed-document.ts'
import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { claimOf } from '../restore/claims.ts'
import { restoreDatabaseAside } from '../restore/restore-aside.ts'
import type { DatabaseStep, RestoredAside } from '../restore/types.ts'
import { whileHolding } from './standby-hold.ts'
import { readStandby, removeDirectoriesOf, standbyMember, writeStandby } from './standby-note.ts'

/** A seed's name: what its new directories carry, so that those of two never meet. */
export function seedName(system: string, component: string, runId: string): string {
  return sha256Hex(`${system} ${component} ${runId}`).slice(0, 8)
}

/**
 * Restores the newest base backup as the standby of a database, in place of one that cannot go on.
 *
 * Effect: `aside/data` in the standby's work directory, its tablespaces, and the note that says whose they are.
 * Idempotent: yes; an attempt removes what an earlier one left and begins again.
 * Heartbeat: bytes restored.
 * Fails with: what restoring a database aside fails with; LockHeld.
 */
export function seedStandby(agent: Agent) {
  return (step: DatabaseStep & { readonly seed: string }, work: Work): Promise<RestoredAside> => whileHolding(agent, step, work, () => seed(agent, step, work))
}

async function seed(agent: Agent, step: DatabaseStep & { readonly seed: string }, work: Work): Promise<RestoredAside> {
  const { decision } = step
  const member = standbyMember(agent, step.system, decision)
  // Of two at once the later one goes on; the other must not remove what that one makes.
  await agent.members.assertNewest(member, await agent.members.takeEpoch(member, claimOf(work)))
  const former = await readStandby(member)
  if (former) await removeDirectoriesOf(agent, former, decision.directory)
  await writeStandby(member, {
    format: 'muster-standby-1',
    state: 'seeding',
    seed: step.seed,
    fromStore: decision.fromStore,
    backup: decision.backup,
    incarnation: decision.incarnation,
    tablespaces: decision.tablespaces,
    youngTablespaces: decision.youngTablespaces ?? [],
    walInto: decision.walInto ?? null,
    seededAt: agent.now().toISOString(),
    replayedLsn: null,
    lastCommitAt: null,
    refreshedAt: null,
  })
  return restoreDatabaseAside(agent)(step, work)
}
