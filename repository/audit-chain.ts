/** Reading audit chains: one record, and where the chains of a store end. */
import type { VerifiedSigner, Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { type AuditRecord, noPreviousRecord } from '../domain/audit.ts'
import { MusterError } from '../domain/failures.ts'
import { auditKey, auditsPrefix, parseAuditKey } from '../domain/object-keys.ts'
import { documentLimitBytes, openDocument, sha256Hex, splitDocument } from './signed-document.ts'

export interface OpenedAudit {
  readonly sequence: number
  /** Of the text as it lies in the store. */
  readonly sha256: string
  readonly bytes: Buffer
  /** Null where it cannot be believed; `problem` says why. */
  readonly record: AuditRecord | null
  readonly problem: string | null
  /** Who signed it; null where it cannot be believed. */
  readonly signer: VerifiedSigner | null
}

/** Never throws for what a record says, only for what the store says. @throws MusterError ObjectMissing, Unreachable, … */
export async function readAudit(store: Store, verifier: Verifier, site: string, sequence: number): Promise<OpenedAudit> {
  const key = auditKey(site, sequence)
  const bytes = await store.readBytes(key, documentLimitBytes).catch((error: unknown) => {
    // Larger than any record is.
    if (error instanceof MusterError && error.type === 'ManifestInvalid') return Buffer.alloc(0)
    throw error
  })
  const found = { sequence, bytes, sha256: hashOf(bytes, key) }
  try {
    const { value, signer } = openDocument<AuditRecord>(verifier, 'audit', bytes, `${store.name}:${key}`)
    const isThis = value.format === 'muster-audit-1' && value.site === site && value.sequence === sequence
    return isThis
      ? { ...found, record: value, problem: null, signer }
      : { ...found, record: null, signer: null, problem: `is another record than its key says [${store.name}:${key}]` }
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    return { ...found, record: null, signer: null, problem: error.message }
  }
}

/** Of the first line; of everything where there is none. */
function hashOf(bytes: Buffer, key: string): string {
  try {
    return sha256Hex(splitDocument(bytes, key).text)
  } catch {
    return sha256Hex(bytes)
  }
}

/** The records that a store has, by site, in order. */
export async function auditNumbers(store: Store): Promise<ReadonlyMap<string, readonly number[]>> {
  const numbers = new Map<string, number[]>()
  for await (const { key } of store.list(auditsPrefix)) {
    const found = parseAuditKey(key)
    if (!found) continue
    const mine = numbers.get(found.site)
    if (mine) mine.push(found.sequence)
    else numbers.set(found.site, [found.sequence])
  }
  return numbers
}

/** The hash that the record after this one names. */
export function previousOf(head: Pick<OpenedAudit, 'sha256'> | null): string {
  return head?.sha256 ?? noPreviousRecord
}
