/** Telling of alarms as it was before a notice had to reach somebody: for the histories of runs that began then. */
import { afterEscalation, type Alarms, keyOf, type ToldReason } from '../domain/health-alarms.ts'
import { type Look, noticesOf, tellNext } from './alarm-notices.ts'
import type { Notices, Told } from './notices.ts'

/** Whatever was sent counts as told. @returns what people know of afterwards */
export async function tellOnce(notices: Notices, look: Look, found: Alarms, now: string): Promise<readonly ToldReason[]> {
  const { turns } = notices
  const { tell, told, escalate } = found
  const { alarm, over, to } = noticesOf(look, found)
  let delivery: Promise<Told> | null = null
  if (alarm !== null) delivery = notices.tell(alarm, to)
  else if (over !== null) void notices.tell(over, to)
  if (turns.length === 0) return told
  let known = told
  for (const { contact, reasons, keys, since } of escalate) {
    known = afterEscalation(known, keys, (await tellNext(notices, look, reasons, contact, since)) ?? turns.length, now)
  }
  const fresh = tell.filter((one) => !look.before.some(({ key }) => key === keyOf(one)))
  if (delivery && fresh.length > 0 && !(await delivery).contacts.includes(0)) {
    known = afterEscalation(known, fresh.map(keyOf), (await tellNext(notices, look, fresh, 1, now)) ?? turns.length, now)
  }
  return known
}
