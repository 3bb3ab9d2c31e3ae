/** What readers make of hosts under suspicion: a backup that such a host signed after the suspected moment is no recovery point. */
import type { Suspicion } from './repository-format.ts'
import { isBefore } from './times.ts'

/** Who signed something, and when that was. */
export interface SignedBy {
  /** The host; null where the key has no name. */
  readonly host: string | null
  /** From when on its key counts; null: since ever. */
  readonly keyValidFrom: string | null
  /** The later of what the document states and of when the store took it: who rules the host can write any time into a document. */
  readonly at: string
}

/** @returns why it does not count, in words; null where it does */
export function suspectText(suspicions: readonly Suspicion[], { host, keyValidFrom, at }: SignedBy): string | null {
  const found = suspicions.find(
    (one) =>
      host !== null &&
      one.hosts.includes(host) &&
      isBefore(one.since, at) &&
      (one.until === undefined || !isBefore(one.until, at)) &&
      (keyValidFrom === null || !isBefore(one.notedAt, keyValidFrom)),
  )
  if (!found) return null
  return `it was signed at ${at} by the key of ${host}, which is under suspicion since ${found.since}: no recovery point`
}
