import { storesReachedBy } from '../../domain/copies.ts'
import type { KeptDecision } from '../../domain/decision-section.ts'
import type { RunEvidence } from '../../domain/evidence.ts'
import { storeEvidence, type StoredEvidence } from '../../repository/evidence.ts'
import type { Agent } from '../agent.ts'
import type { Work } from '../boundary.ts'
import { completeEvidence } from './complete-evidence.ts'

const storeSeconds = 60

export interface WriteEvidenceInput {
  readonly system: string
  /** Null where the run ended before it knew one: the newest is used. */
  readonly configHash: string | null
  readonly evidence: RunEvidence
  /** What was carried out, whose hash is the plan. Absent where there was none, and in older histories. */
  readonly decision?: KeptDecision
}

/**
 * Signs the evidence of a run and writes it, with its sheet, into every store that this host reaches and that answers.
 *
 * Effect: create-only objects in each store: the decision that was carried out, the record, its sheet.
 * Idempotent: yes; what an earlier attempt wrote into one store goes into the others.
 * Heartbeat: none needed.
 * Fails with: UnknownName, SecretMissing (no host key); a store that is out is named in the result.
 */
export function writeEvidence(agent: Agent) {
  return async ({ configHash, evidence, decision }: WriteEvidenceInput, work: Work): Promise<StoredEvidence> => {
    const { config, hash } = await agent.config(configHash)
    const places = storesReachedBy(config, agent.host).map((name) => ({ name, open: () => agent.store(config, name) }))
    const whole = await completeEvidence(agent, config, hash, evidence, work)
    return storeEvidence({ places, signer: await agent.signer(), verifier: await agent.verifier(config), secondsEach: storeSeconds }, whole, decision ?? null)
  }
}
