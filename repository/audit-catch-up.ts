/** Gives a store that was out the audit records it lacks, each after everything that it names. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import type { AuditedRun } from '../domain/audit.ts'
import type { Evidence } from '../domain/evidence.ts'
import { MusterError } from '../domain/failures.ts'
import { auditKey } from '../domain/object-keys.ts'
import { type OpenedAudit, readAudit } from './audit-chain.ts'
import { copyObject, type CopyOptions } from './copy-between.ts'
import { sheetKey } from './evidence.ts'
import { copyKit } from './replay-kits.ts'
import { documentLimitBytes, openDocument } from './signed-document.ts'

export interface CatchUp {
  readonly site: string
  readonly verifier: Verifier
  /** Stores that have the records, best first. */
  readonly from: readonly Store[]
  readonly to: Store
  readonly afterSequence: number
  readonly untilSequence: number
}

/** Idempotent and resumable. @throws MusterError where a record or what it names is in none of the other stores */
export async function catchUpAudit({ site, verifier, from, to, afterSequence, untilSequence }: CatchUp, options: CopyOptions): Promise<void> {
  for (let sequence = afterSequence + 1; sequence <= untilSequence; sequence++) {
    const found = await firstBelieved(from, verifier, site, sequence)
    for (const run of found.audit.record?.runs ?? []) await copyWhatItNames(run, found.store, to, verifier, options)
    await to.putBytes(auditKey(site, sequence), found.audit.bytes)
  }
}

async function firstBelieved(
  from: readonly Store[],
  verifier: Verifier,
  site: string,
  sequence: number,
): Promise<{ readonly store: Store; readonly audit: OpenedAudit }> {
  const problems: string[] = []
  for (const store of from) {
    try {
      const audit = await readAudit(store, verifier, site, sequence)
      if (audit.record) return { store, audit }
      problems.push(audit.problem ?? '')
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      problems.push(error.message)
    }
  }
  throw new MusterError('ObjectMissing', `no store has a valid record ${sequence} of the audit chain of site "${site}": ${problems.join('; ')}`)
}

async function copyWhatItNames(run: AuditedRun, from: Store, to: Store, verifier: Verifier, options: CopyOptions): Promise<void> {
  if (run.history) await copyObject(from, to, run.history, options)
  if (run.evidence) {
    await copyDecision(from, to, verifier, run.evidence.key)
    await copySmall(from, to, run.evidence.key)
    if (run.evidence.sheetSha256 !== null) await copySmall(from, to, sheetKey(run.evidence.key))
  }
  if (run.kit !== null) await copyKit(from, to, verifier, run.kit, options)
}

/** Before the record that names it. One that is gone holds up no chain: `muster audit verify` tells of it. */
async function copyDecision(from: Store, to: Store, verifier: Verifier, key: string): Promise<void> {
  const { decision } = openDocument<Evidence>(verifier, 'evidence', await from.readBytes(key, documentLimitBytes), `${from.name}:${key}`).value
  if (decision && (await from.stat(decision.key))) await copySmall(from, to, decision.key)
}

async function copySmall(from: Store, to: Store, key: string): Promise<void> {
  if (await to.stat(key)) return
  await to.putBytes(key, await from.readBytes(key, documentLimitBytes))
}
