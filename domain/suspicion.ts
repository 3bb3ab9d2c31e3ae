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

/** @returns the suspicion under which it was signed; null where there is none */
export function suspicionOf(suspicions: readonly Suspicion[], { host, keyValidFrom, at }: SignedBy): Suspicion | null {
  return (
    suspicions.find(
      (one) =>
        host !== null &&
        one.hosts.includes(host) &&
        isBefore(one.since, at) &&
        (one.until === undefined || !isBefore(one.until, at)) &&
        (keyValidFrom === null || !isBefore(one.notedAt, keyValidFrom)),
    ) ?? null
  )
}

/** Why something that was signed so is in doubt, in words; null where it is not. */
export function doubtText(suspicions: readonly Suspicion[], signed: SignedBy): string | null {
  const found = suspicionOf(suspicions, signed)
  return found && `it was signed at ${signed.at} by the key of ${signed.host}, which is under suspicion since ${found.since}`
}

/** @returns why a backup does not count, in words; null where it does */
export function suspectText(suspicions: readonly Suspicion[], signed: SignedBy): string | null {
  const doubt = doubtText(suspicions, signed)
  return doubt && `${doubt}: no recovery point`
}

/** What takes a suspicion back, for a person to type. @param run as the suspicion names it */
export function liftCommand(system: string, run: string): string {
  return `muster scenario security-breach ${system} --lift ${run} --reason TEXT`
}
