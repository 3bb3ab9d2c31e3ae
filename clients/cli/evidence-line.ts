import type { KeptEvidence } from '../../workflows/messages.ts'

/** Where the evidence of a run is. Undefined in results of before runs left any: then nothing is said. */
export function evidenceLine(record: KeptEvidence | undefined): string | null {
  if (record === undefined) return null
  return record ? `  evidence     ${record.key} in ${record.stores.join(', ')}` : '  NO EVIDENCE: no store took the record; why is in the memo of the run'
}
