/** Registers incarnations in the control records. */
import { randomBytes } from 'node:crypto'
import type { Signer } from '../adapters/crypto/crypto.ts'
import { foldRecords } from '../domain/control-state.ts'
import { identify, type ObservedLife } from '../domain/incarnations.ts'
import type { Incarnation } from '../domain/repository-format.ts'
import { appendRecord, type ControlRecordsDeps } from './control-records.ts'

export type RecordWriter = ControlRecordsDeps & {
  readonly signer: Signer
  readonly organisation: string
  readonly by: string
  readonly now: () => Date
}

/**
 * The incarnation of a running server, registered when it is new.
 * Idempotent: two callers at once end with the same incarnation.
 * @throws MusterError WrongTarget, and what stores throw
 */
export async function ensureIncarnation(deps: RecordWriter, system: string, life: ObservedLife): Promise<Incarnation> {
  const id = randomBytes(6).toString('hex')
  let found: Incarnation | null = null
  await appendRecord(deps, system, (records) => {
    const result = identify(foldRecords(records), life, id)
    if ('known' in result) {
      found = result.known
      return null
    }
    found = { ...result.register, registeredAt: deps.now().toISOString() }
    return { kind: 'incarnation', ...found }
  })
  return found as unknown as Incarnation
}
