import type { Notice } from '../../adapters/notifier/notifier.ts'
import type { Agent } from '../agent.ts'
import type { Work } from '../boundary.ts'

export interface NotifyPeopleInput {
  readonly configHash: string | null
  readonly notice: Omit<Notice, 'organisation' | 'at'>
}

export interface NotifyPeopleResult {
  readonly delivered: readonly string[]
  readonly failed: readonly { readonly channel: string; readonly problem: string }[]
}

/**
 * Tells people on every configured channel.
 *
 * Effect: one message per channel.
 * Idempotent: no; a retry after a lost answer may repeat a message, which is better than none.
 * Heartbeat: the channel being told.
 * Fails with: nothing of its own: a channel that fails is tried three times and then reported in the result.
 */
export function notifyPeople(agent: Agent) {
  return async (input: NotifyPeopleInput, work: Work): Promise<NotifyPeopleResult> => {
    const { config } = await agent.config(input.configHash)
    const notice: Notice = { ...input.notice, organisation: config.organisation, at: agent.now().toISOString() }
    const delivered: string[] = []
    const failed: { channel: string; problem: string }[] = []
    for (const notifier of await agent.notifiers(config)) {
      work.progress({ phase: notifier.channel, doneBytes: 0, totalBytes: null })
      const problem = await tryThrice(() => notifier.notify(notice, work.signal), work.signal)
      if (problem === null) delivered.push(notifier.channel)
      else failed.push({ channel: notifier.channel, problem })
    }
    return { delivered, failed }
  }
}

async function tryThrice(send: () => Promise<void>, signal: AbortSignal): Promise<string | null> {
  let problem = ''
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await send()
      return null
    } catch (error) {
      signal.throwIfAborted()
      problem = error instanceof Error ? error.message : String(error)
      await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** attempt))
    }
  }
  return problem
}
