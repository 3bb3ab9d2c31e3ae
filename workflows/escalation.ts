/**
 * While a run waits for a person, contacts are told one after the other. The run going on is the answer: nobody has to
 * acknowledge anything. Timers are set only where the plan names contacts, so that histories of before there were any replay.
 */
import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow'
import { formatDuration } from '../domain/durations.ts'
import type { Notices, NoticeText, Told } from './notices.ts'

/**
 * Tells people that the run asks for one, and the next contact each time nobody has answered for as long as the last one has.
 * @param wait what ends when the run goes on
 */
export async function whileUnanswered<T>(notices: Notices, asked: NoticeText, wait: () => Promise<T>): Promise<T> {
  const first = notices.tell(asked)
  if (notices.turns.length < 2) return wait()
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
async function escalate({ turns, escalate: tellOne }: Notices, asked: NoticeText, first: Promise<Told>): Promise<void> {
  const since = Date.now()
  const told = [await first]
  for (const [place, { escalateAfterSeconds }] of turns.slice(0, -1).entries()) {
    if (told.at(-1)?.contacts.includes(place)) {
      await sleep(Math.max(1, Math.round(escalateAfterSeconds * 1000)), { summary: `until ${turns[place + 1]?.role ?? 'the next contact'} is told` })
    }
    if (CancellationScope.current().consideredCancelled) return
    told.push(await tellOne(escalated(asked, since, told), place + 1))
  }
}

function escalated({ subject, body, ...how }: NoticeText, since: number, told: readonly Told[]): NoticeText {
  const waits = formatDuration(Math.max(1, Math.round((Date.now() - since) / 1000)))
  const lines = [`Nobody has answered since ${new Date(since).toISOString()}. Told before:`, ...told.map(({ text }) => `- ${text}`), '', 'What they were told:']
  return { ...how, subject: `unanswered for ${waits}: ${subject}`, body: [...lines, subject, body].join('\n') }
}
