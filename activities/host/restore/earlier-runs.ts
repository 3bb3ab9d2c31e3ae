/** What earlier recoveries of a system left as evidence, read for the forecast of a plan. */
import type { Config } from '../../../domain/config.ts'
import type { EvidencedProcedure } from '../../../domain/evidence.ts'
import { type NewestEvidence, newestEvidence } from '../../../repository/newest-evidence.ts'
import type { Agent } from '../../agent.ts'
import type { PlanRestoreInput } from './types.ts'

/** A store that is out is waited for no longer than this, beside looking at it anyway. */
const storeSeconds = 3
/** Of each kind: some may have failed. */
const most = 6

const alike: readonly (readonly EvidencedProcedure[])[] = [['restoreSystem', 'recoverToPointInTime'], ['failover', 'switchover', 'failback'], ['drill']]

/** Newest first. Never throws for a store. */
export async function earlierRuns(agent: Agent, config: Config, input: PlanRestoreInput, stores: readonly string[]): Promise<NewestEvidence> {
  return newestEvidence(
    {
      places: stores.map((name) => ({ name, open: () => agent.store(config, name) })),
      verifier: await agent.verifier(config),
      cache: agent.cache,
      now: agent.now(),
      secondsEach: storeSeconds,
    },
    input.system,
    // Weekly drills must not hide the one restore of the year.
    alike.map((procedures) => ({ procedures, most })),
  )
}
