/**
 * Tells people what a look has found: what is new, what is over, once a day what is still so. What stands goes to one contact
 * after the other; since every run ends, it is the next look that tells the next contact, from what the last one remembers.
 * What reached nobody is not remembered as told: the next look tells it again.
 */
import { patched } from '@temporalio/workflow'
import { afterEscalation, type Alarms, alarmsOf, keyOf, type ToldReason } from '../domain/health-alarms.ts'
import { type Look, noticesOf, tellNext } from './alarm-notices.ts'
import { tellOnce } from './alarms-once.ts'
import type { Notices } from './notices.ts'

/** @returns what people know of afterwards */
export async function tellOfAlarms(notices: Notices, look: Look): Promise<readonly ToldReason[]> {
  const now = new Date().toISOString()
  const found = alarmsOf(look.before, look.reasons, now, notices.turns)
  if (found.tell.length + found.over.length + found.escalate.length === 0) return found.told
  return patched('alarms-reach-somebody') ? tellUntilReached(notices, look, found, now) : tellOnce(notices, look, found, now)
}

async function tellUntilReached(notices: Notices, look: Look, found: Alarms, now: string): Promise<readonly ToldReason[]> {
  const { before } = look
  const { alarm, over, to } = noticesOf(look, found)
  const notice = alarm ?? over
  const delivery = notice === null ? null : await notices.tell(notice, to)
  // Whom nothing reached knows what they knew before: also that something stands which is over.
  let known = delivery === null || delivery.reached ? found.told : before
  for (const { contact, reasons, keys, since } of found.escalate) {
    const contacts = await tellNext(notices, look, reasons, contact, since)
    if (contacts !== null) known = afterEscalation(known, keys, contacts, now)
  }
  const fresh = found.tell.filter((one) => !before.some(({ key }) => key === keyOf(one)))
  // Whom no channel reaches is not waited for.
  if (delivery === null || fresh.length === 0 || notices.turns.length === 0 || delivery.contacts.includes(0)) return known
  const contacts = await tellNext(notices, look, fresh, 1, now)
  return afterFirstMissed(known, found.told, fresh.map(keyOf), contacts, now)
}

/** The first contact was not reached: who comes next was, or the next look begins with the first one again. */
function afterFirstMissed(known: readonly ToldReason[], told: readonly ToldReason[], keys: readonly string[], contacts: number | null, now: string) {
  const missing = contacts === null ? [] : told.filter(({ key }) => keys.includes(key) && !known.some((one) => one.key === key))
  return afterEscalation([...known, ...missing], keys, contacts ?? 0, now)
}
