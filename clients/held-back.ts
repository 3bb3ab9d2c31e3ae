/** That no worker takes work, because this Temporal was lost or rolled back: what a person who asked for something is told. */
import { MusterError } from '../domain/failures.ts'
import { adoptCommand } from './standing-text.ts'

export interface HeldBack {
  readonly why: string
  /** From when on a worker of this machine waits; null where none does, or it has not said so yet. */
  readonly since: string | null
}

/** @param run one that was started and waits now; null where nothing was started */
export function heldBackError({ why, since }: HeldBack, run: string | null): MusterError {
  const waits = run === null ? 'nothing was started' : `${run} waits, and goes on when this Temporal is adopted; to drop it then: muster cancel ${run}`
  return new MusterError('HeldBack', `workers are held back${since === null ? '' : ` since ${since}`}: ${why}; ${waits}`, {
    hint: `look what would be decided, and decide, on a host with the keys: ${adoptCommand} --dry-run, then ${adoptCommand}`,
  })
}
