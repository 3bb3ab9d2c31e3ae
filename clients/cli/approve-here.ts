/** Approving in the command that asks, and saying what others have to approve. */
import type { WorkflowHandle } from '@temporalio/client'
import { MusterError } from '../../domain/failures.ts'
import type { Desk } from './desk.ts'

/** What the run waits with counts; should the world have changed since the plan was shown, it is another one. */
export async function tellWhatToApprove({ out }: Desk, handle: WorkflowHandle, shown: string): Promise<void> {
  const told = (await handle.describe().catch(() => null))?.memo?.['plan']
  const hash = typeof told === 'string' ? told : shown
  if (hash !== shown) out.warn(`the plan is another one than shown above by now; look at it first: muster watch ${handle.workflowId}`)
  out.line(`  waits for approval. They run:  muster approve ${hash.slice(0, 12)}`)
}

export function parseYes(text: string): { plan: string; expiresAt: string } {
  const [plan = '', expiresAt = ''] = text.split('@')
  if (!/^[0-9a-f]{4,64}$/.test(plan) || Number.isNaN(Date.parse(expiresAt))) {
    throw new MusterError('InvalidInput', `--yes takes a plan as --plan prints it: HASH@EXPIRY, not "${text}"`)
  }
  return { plan, expiresAt }
}

/** The plan is made anew when the run starts; a person names what was shown. */
export function planMatching(given: string, hash: string): string {
  if (hash.startsWith(given) && given.length >= 4) return hash
  throw new MusterError('PlanChanged', `the plan is now ${hash.slice(0, 12)}, not ${given}; nothing was changed`, { hint: 'look at the plan again: --plan' })
}
