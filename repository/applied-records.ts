/** The chains that say which configuration was applied, and which each host has taken. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import { newestApplied, newestTaken } from '../domain/applied-config.ts'
import { MusterError } from '../domain/failures.ts'
import { hostChain, installationChain } from '../domain/object-keys.ts'
import type { AppliedNumber, ControlRecord } from '../domain/repository-format.ts'
import { appendRecord, readRecords } from './control-records.ts'
import type { RecordWriter } from './incarnations.ts'
import { openDocument } from './signed-document.ts'

/**
 * Records that a configuration was applied, unless it is the newest already.
 * @param writer verifies with control keys alone
 * @param atLeast what this host knows of: a chain that was lost goes on above it
 * @returns the record as it is stored
 */
export async function recordApplied(writer: RecordWriter, configHash: string, atLeast: number): Promise<Buffer> {
  await appendRecord(writer, installationChain, (records) => {
    const newest = newestApplied(records)
    if (newest?.configHash === configHash && newest.number >= atLeast) return null
    return { kind: 'config', configHash, number: Math.max(newest?.number ?? 0, atLeast) + 1 }
  })
  return (await readNewestApplied(writer)).document
}

export interface AppliedDocument extends AppliedNumber {
  readonly document: Buffer
}

/**
 * From the longest chain of the stores that answer.
 * @throws MusterError ObjectMissing where nothing was ever recorded; Unreachable; what a chain that is not believed gives
 */
export async function readNewestApplied(reader: Pick<RecordWriter, 'stores' | 'verifier'>): Promise<AppliedDocument> {
  const { records, documents } = await readRecords(reader, installationChain)
  const newest = newestApplied(records)
  const index = records.findLastIndex(({ body }) => body.kind === 'config' && body.number === newest?.number)
  const document = documents[index]
  if (!newest || !document) throw new MusterError('ObjectMissing', 'no store says which configuration was applied', { hint: 'run: muster apply' })
  return { configHash: newest.configHash, number: newest.number, document }
}

/** @throws MusterError SignatureInvalid | KeyNotTrusted | ManifestInvalid when it is not a control key's word */
export function openApplied(controlVerifier: Verifier, bytes: Uint8Array, place: string): AppliedNumber & { readonly organisation: string } {
  const { format, system, organisation, body } = openDocument<ControlRecord>(controlVerifier, 'record', bytes, place).value
  if (format !== 'muster-record-1' || system !== installationChain || body.kind !== 'config' || !Number.isSafeInteger(body.number)) {
    throw new MusterError('ManifestInvalid', `it does not say which configuration was applied [${place}]`)
  }
  return { configHash: body.configHash, number: body.number, organisation }
}

/** Records that a host has taken a configuration. Idempotent. */
export async function recordTaken(writer: RecordWriter, host: string, taken: AppliedNumber): Promise<void> {
  await appendRecord(writer, hostChain(host), (records) => {
    const newest = newestTaken(records, host)
    return newest?.configHash === taken.configHash && newest.number === taken.number
      ? null
      : { kind: 'config-taken', host, configHash: taken.configHash, number: taken.number }
  })
}
