import type { AppliedNumber } from '../domain/repository-format.ts'
import { unpackDocuments } from '../repository/config-documents.ts'
import type { Agent } from './agent.ts'
import type { Work } from './boundary.ts'

export interface InstallConfigInput {
  /** The signed documents, packed; null to read what the stores say was applied last. */
  readonly documents: string | null
}

export interface InstalledConfig extends AppliedNumber {
  /** False when the agent had it already. */
  readonly isNew: boolean
}

/**
 * Takes an applied configuration into this agent's folder.
 *
 * Effect: key lists, configuration and the record of its number in the agent's folder; a record in the stores that it
 *   was taken, where they answer.
 * Idempotent: yes; the same again changes nothing, and an older one is refused.
 * Heartbeat: none needed.
 * Fails with: KeyNotTrusted, SignatureInvalid, ManifestInvalid or ConfigInvalid for what the pinned root key does not stand
 *   behind; PreconditionFailed for an older one; WrongTarget for another organisation's; Unreachable, ObjectMissing, DiskFull.
 */
export function installConfig(agent: Agent) {
  return async (input: InstallConfigInput, _work: Work): Promise<InstalledConfig> => {
    return agent.takeConfig(input.documents === null ? null : unpackDocuments(input.documents))
  }
}
