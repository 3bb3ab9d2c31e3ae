/**
 * While a run waits for a person, contacts are told one after the other. The run going on is the answer: nobody has to
 * acknowledge anything. What reached nobody is told again, with longer and longer pauses. Timers are set only where the plan
 * names contacts or nobody was reached, so that older histories replay.
 */
import { CancellationScope, isCancellation, patched, sleep } from '@temporalio/workflow'
import { formatDuration } from '../domain/durations.ts'
import type { Notices, NoticeText, Told } from './notices.ts'

/**
 * Tells people that the run asks for one, and the next contact each time nobody has answered for as long as the last one has.
 * @param wait what ends when the run goes on
 */
export async function whileUnanswered<T>(notices: Notices, asked: NoticeText, wait: () => Promise<T>): Promise<T> {
  const first = notices.tell(asked)
  const waiting = new CancellationScope()
  void waiting
    .run(() => escalate(notices, asked, first))
    .catch((error: unknown) => {
      if (!isCancellation(error)) throw error
    })
  try {
    return await wait()
  } finally {
    waiting.cancel()
  }
}

/** Whom no channel reaches is not waited for. */
async function escalate(notices: Notices, asked: NoticeText, first: Promise<Told>): Promise<void> {
  const { turns } = notices
  const since = Date.now()
  const told = [await first]
  for (const [place, { escalateAfterSeconds }] of turns.slice(0, -1).entries()) {
    if (told.at(-1)?.contacts.includes(place)) await pause(escalateAfterSeconds, `until ${turns[place + 1]?.role ?? 'the next contact'} is told`)
    if (CancellationScope.current().consideredCancelled) return
    told.push(await notices.escalate(escalated(asked, since, told), place + 1))
  }
  await untilReached(notices, told, () => escalated(asked, since, told))
}

/** Everybody again: whoever was reached before has not answered. */
async function untilReached(notices: Notices, told: Told[], again: () => NoticeText): Promise<void> {
  for (let tries = 1; !told.at(-1)?.reached; tries++) {
    if (CancellationScope.current().consideredCancelled || !patched('told-until-somebody-is-reached')) return
    await pause(notices.tellAgainSeconds(tries), 'until people are told again: nobody was reached')
    told.push(await notices.tell(again()))
  }
}

function pause(seconds: number, summary: string): Promise<void> {
  return sleep(Math.max(1, Math.round(seconds * 1000)), { summary })
}

/** How many earlier tellings are named: a run may wait for a week. */
const mostNamed = 10

function escalated({ subject, body, ...how }: NoticeText, since: number, told: readonly Told[]): NoticeText {
  const waits = formatDuration(Math.max(1, Math.round((Date.now() - since) / 1000)))
  const named = told.slice(-mostNamed).map(({ text }) => `- ${text}`)
  const lines = [`Nobody has answered since ${new Date(since).toISOString()}. Told before:`, ...named, '', 'What they were told:']
  return { ...how, subject: `unanswered for ${waits}: ${subject}`, body: [...lines, subject, body].join('\n') }
}
