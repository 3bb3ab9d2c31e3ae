/** Starts a run, and nothing where nobody would take it up. */
import { heldBackError } from '../held-back.ts'
import { type RunRequest, startRun } from '../runs.ts'
import type { Desk } from './desk.ts'

/** @throws MusterError HeldBack where workers take no work, LockHeld naming the run that holds the target */
export async function startFor(desk: Pick<Desk, 'temporal' | 'heldBack' | 'out'>, request: RunRequest): ReturnType<typeof startRun> {
  const client = await desk.temporal()
  await refuseHeld(desk)
  return startRun(client, request)
}

/** Before anything that only a worker can answer. @throws MusterError HeldBack */
export async function refuseHeld({ heldBack, out }: Pick<Desk, 'heldBack' | 'out'>): Promise<void> {
  const held = await heldBack({ say: (text) => out.progress(text) })
  out.progressDone()
  if (held !== null) throw heldBackError(held, null)
}
