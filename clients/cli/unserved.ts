/** Sees, while a run is followed, that nobody works on it: workers are held back, or there are none. */
import type { WorkflowHandle } from '@temporalio/client'
import type { MusterError } from '../../domain/failures.ts'
import { heldBackError } from '../held-back.ts'
import { isServed } from '../served.ts'
import type { Desk } from './desk.ts'

export type Followable = Pick<Desk, 'out' | 'heldBack'>

/** Looks of a second; a worker that is started again is back before. */
const everyLooks = 5

/** @returns asked at each look: why following makes no sense; null while it does. That there is no worker is told once. */
export function watchForWorkers({ out, heldBack }: Followable, handle: WorkflowHandle): () => Promise<MusterError | null> {
  let looks = 0
  let isTold = false
  return async () => {
    looks += 1
    if (looks % everyLooks !== 0 || (await isServed(handle.client).catch(() => true))) return null
    const held = await heldBack({ say: null })
    if (held !== null) return heldBackError(held, handle.workflowId)
    if (!isTold) {
      out.progressDone()
      out.warn(`no worker serves workflow code: ${handle.workflowId} waits. Start one: muster up, or muster worker --workflows`)
    }
    isTold = true
    return null
  }
}
