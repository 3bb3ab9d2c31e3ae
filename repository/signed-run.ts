/** What one signed document says of a run, and who signed it. */
import type { VerifiedSigner } from '../adapters/crypto/crypto.ts'
import type { ObjectStat } from '../adapters/store/store.ts'
import type { KnownRun } from '../domain/adoption.ts'
import type { SignedBy } from '../domain/suspicion.ts'

export interface SignedRun {
  readonly run: KnownRun
  readonly signed: SignedBy
  /** Such as "evidence of restoreSystem of shop of 2026-…". */
  readonly what: string
}

/** When a store took it. */
export function takenAtOf({ takenAt, modifiedAt }: ObjectStat): string {
  return takenAt ?? modifiedAt
}

/** @param stated what the document says of when it was made */
export function signedBy(signer: VerifiedSigner, stated: string, takenAt: string): SignedBy {
  return { host: signer.name, keyValidFrom: signer.validFrom, at: stated > takenAt ? stated : takenAt }
}
