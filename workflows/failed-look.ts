/**
 * A look that fails is an alarm that stands as others do: told once, then once a day, to one contact after the other, and
 * when it is over. A run that fails has no result: what people know of it is carried in its failure.
 */
import { ApplicationFailure, workflowInfo } from '@temporalio/workflow'
import type { ContactTurn } from '../domain/contacts.ts'
import type { ToldReason } from '../domain/health-alarms.ts'
import { tellOfAlarms } from './alarms.ts'
import { failureOf } from './failure-of.ts'
import type { Notices } from './notices.ts'
import { failureLeaving } from './procedure.ts'

/** What earlier runs of the schedule leave to a look that may fail. */
interface Left {
  /** What people were told of looks that failed. */
  readonly told: readonly ToldReason[]
  /** Who is told after whom, as the last look that knew it has found. */
  readonly contacts: readonly ContactTurn[]
}

const key = 'look|failed'
const longestMessage = 500

export function isFailedLook(told: Pick<ToldReason, 'key'>): boolean {
  return told.key === key
}

/** @param last result of the last run of the schedule that did not fail */
export function leftByLooks(last: Partial<Left> | undefined | null): Left {
  const { lastFailure } = workflowInfo()
  const details = lastFailure instanceof ApplicationFailure ? (lastFailure.details?.[0] as Partial<Left> | undefined) : undefined
  const unheardOf = (last?.told ?? []).filter(isFailedLook)
  return { told: details?.told ?? unheardOf, contacts: details?.contacts ?? last?.contacts ?? [] }
}

/** @returns the failure that ends the run */
export async function tellOfFailedLook(
  notices: Notices,
  { told: before }: Left,
  error: unknown,
  { title, unknown, next }: { readonly title: string; readonly unknown: string; readonly next: string },
): Promise<unknown> {
  const text = `${failureOf(error).message.slice(0, longestMessage)}; ${unknown}`
  const told = await tellOfAlarms(notices, { before, reasons: [{ key, word: 'not protected', component: null, text, next }], title, overTitle: title })
  return failureLeaving(error, { told, ...(notices.turns.length > 0 && { contacts: notices.turns }) })
}

/** Tells whoever was told that looks failed that they work again. @returns what people still believe to fail, since it did not reach them */
export function tellThatItLooksAgain(notices: Notices, { told: before }: Left, overTitle: string): Promise<readonly ToldReason[]> {
  return tellOfAlarms(notices, { before, reasons: [], title: overTitle, overTitle })
}
