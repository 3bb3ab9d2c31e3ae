/** Whose key signs what a person says. */
import type { Config } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'

/** @throws MusterError ApprovalRejected when the person has no key in people */
export function signerOf({ people }: Config, person: string): { person: string; publicKey: string } {
  const publicKey = people[person]?.approve
  if (publicKey !== undefined) return { person, publicKey }
  const known = Object.keys(people).filter((name) => people[name]?.approve !== undefined)
  throw new MusterError('ApprovalRejected', `this plan takes signed approvals, and ${person} has no key in people`, {
    hint: `say who you are: --as NAME (${known.join(', ')})`,
  })
}
