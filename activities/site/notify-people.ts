import type { Notice, Notifier } from '../../adapters/notifier/notifier.ts'
import type { ContactChannel, ContactConfig } from '../../domain/config.ts'
import { asksForPerson, contactsOf } from '../../domain/contacts.ts'
import { defaultTimeLimits } from '../../domain/time-limits.ts'
import { within } from '../../repository/within.ts'
import type { Agent } from '../agent.ts'
import type { Work } from '../boundary.ts'

export interface NotifyPeopleInput {
  readonly configHash: string | null
  readonly notice: Omit<Notice, 'organisation' | 'at'>
  /** Contacts of the system that are told too, by their place in its list; the first is told of what asks for a person anyway. */
  readonly contacts?: readonly number[]
  /** It is for these contacts: of the channels of everybody only the log gets it. */
  readonly escalates?: true
}

export interface NotifyPeopleResult {
  readonly delivered: readonly string[]
  readonly failed: readonly { readonly channel: string; readonly problem: string }[]
  /** Contacts that were reached on at least one channel. Absent where nobody was to be told, and in older histories. */
  readonly contacts?: readonly { readonly contact: number; readonly role: string }[]
}

/** One message: a channel of everybody, or one of a contact's own. */
interface Message {
  /** `email`, or `email (on call)`. */
  readonly name: string
  readonly notifier: Notifier
}

/** For one channel with its three tries: one that says a word now and then would keep what the others answered from being known. */
const channelSeconds = 30

/**
 * Tells people on every configured channel, and the contacts whose turn it is on theirs, beside each other.
 *
 * Effect: one message per channel.
 * Idempotent: no; a retry after a lost answer may repeat a message, which is better than none.
 * Heartbeat: the channel being told.
 * Fails with: nothing of its own: a channel that fails is tried three times, for at most 30 s (or half of `limits.notify`), and then
 *   reported in the result.
 */
export function notifyPeople(agent: Agent) {
  return async (input: NotifyPeopleInput, work: Work): Promise<NotifyPeopleResult> => {
    const { config } = await agent.config(input.configHash)
    const notice: Notice = { ...input.notice, organisation: config.organisation, at: agent.now().toISOString() }
    const shared = (await agent.notifiers(config)).filter(({ channel }) => !input.escalates || channel === 'log')
    const turns = turnsOf(contactsOf(config, notice.system), input)
    const own = await Promise.all(turns.map(async ({ contact }) => ownMessages(contact, await agent.contactNotifiers(config, contact), shared)))
    const messages = [...shared.map((notifier): Message => ({ name: notifier.channel, notifier })), ...own.flat()]
    const seconds = Math.min(channelSeconds, (config.limits ?? defaultTimeLimits).notifySeconds / 2)
    const problems = await Promise.all(
      messages.map(async (message) => {
        const problem = await tellWithin(seconds, message, notice, work.signal)
        work.progress({ phase: message.name, doneBytes: 0, totalBytes: null })
        return { channel: message.name, problem }
      }),
    )
    const delivered = problems.flatMap(({ channel, problem }) => (problem === null ? [channel] : []))
    const reached = turns.filter(({ contact }, index) => isReached(contact, own[index] ?? [], delivered))
    return {
      delivered,
      failed: problems.flatMap(({ channel, problem }) => (problem === null ? [] : [{ channel, problem }])),
      ...(turns.length > 0 && { contacts: reached.map(({ place, contact: { role } }) => ({ contact: place, role })) }),
    }
  }
}

/** Whose turn it is, each once, in the order of the list. */
function turnsOf(list: readonly ContactConfig[], { notice, contacts = [], escalates }: NotifyPeopleInput) {
  const places = new Set([...(!escalates && asksForPerson(notice) ? [0] : []), ...contacts])
  return list.flatMap((contact, place) => (places.has(place) ? [{ place, contact }] : []))
}

/** What a contact shares with everybody is sent once. */
function ownMessages({ role, channels }: ContactConfig, notifiers: readonly Notifier[], shared: readonly Notifier[]): readonly Message[] {
  return notifiers.flatMap((notifier, index) => (isShared(channels[index], shared) ? [] : [{ name: `${notifier.channel} (${role})`, notifier }]))
}

function isShared(channel: ContactChannel | undefined, shared: readonly Notifier[]): boolean {
  return typeof channel === 'string' && shared.some((one) => one.channel === channel)
}

function isReached({ channels }: ContactConfig, own: readonly Message[], delivered: readonly string[]): boolean {
  return own.some(({ name }) => delivered.includes(name)) || channels.some((channel) => typeof channel === 'string' && delivered.includes(channel))
}

/** @returns why it was not delivered; null where it was */
async function tellWithin(seconds: number, { name, notifier }: Message, notice: Notice, signal: AbortSignal): Promise<string | null> {
  const limit = new AbortController()
  const both = AbortSignal.any([signal, limit.signal])
  try {
    return await within(seconds, () => tryThrice(() => notifier.notify(notice, both), both), name)
  } catch (error) {
    signal.throwIfAborted()
    return problemOf(error)
  } finally {
    limit.abort()
  }
}

function problemOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function tryThrice(send: () => Promise<void>, signal: AbortSignal): Promise<string | null> {
  let problem = ''
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await send()
      return null
    } catch (error) {
      signal.throwIfAborted()
      problem = problemOf(error)
      if (attempt < 2) await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** attempt))
    }
  }
  return problem
}
