/** Who an attempt is when it takes an epoch, and where services have theirs: they have no directory of their own to stand beside. */
import { join } from 'node:path'
import type { Claim } from '../../../adapters/component/member/epochs.ts'
import type { Member } from '../../../adapters/component/member/member.ts'
import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'

/** Temporal numbers the activities of a run as they are scheduled. */
export function claimOf(work: Work): Claim {
  return { run: work.runId, step: Number(work.activityId) || 0, attempt: work.attempt }
}

export function serviceEpochs(agent: Agent, system: string, service: string): Pick<Member, 'workDirectory'> {
  return { workDirectory: join(agent.hostDirectory, 'services', `${system}.${service}`) }
}
