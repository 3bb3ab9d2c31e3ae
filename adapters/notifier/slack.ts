/** Notices through a Slack incoming webhook. The webhook's address is a secret: it is in no message. */
import type { NotificationsConfig } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'
import type { Notice, Notifier } from './notifier.ts'

const answerSeconds = 10

/**
 * Posts each notice; the address is resolved anew each time.
 * @throws MusterError from `notify`: SecretMissing, Throttled (429), CredentialsRejected (3xx, another 4xx, or no
 * URL), Unreachable (5xx, network), Timeout (10 s), Cancelled
 */
export function createSlackNotifier(config: NonNullable<NotificationsConfig['slack']>, resolve: (reference: string) => Promise<string>): Notifier {
  return {
    channel: 'slack',
    async notify(notice, signal) {
      throwIfCancelled(signal)
      const url = webhookUrl(await resolve(config.webhook), config.webhook)
      const status = await post(url, JSON.stringify({ text: textOf(notice) }), signal)
      if (status >= 200 && status < 300) return
      throw refusal(status, config.webhook)
    },
  }
}

function webhookUrl(text: string, reference: string): URL {
  const url = URL.canParse(text.trim()) ? new URL(text.trim()) : null
  const isWeb = url?.protocol === 'https:' || url?.protocol === 'http:'
  // fetch refuses a user in the address, repeating it.
  if (url && isWeb && url.username === '' && url.password === '') return url
  throw new MusterError('CredentialsRejected', `the Slack webhook in ${reference} is not an address`, {
    hint: `put the address of the incoming webhook, https://…, where ${reference} points`,
  })
}

/** No cause is kept: errors of the network may name the address. */
async function post(url: URL, body: string, signal?: AbortSignal): Promise<number> {
  const timeout = AbortSignal.timeout(answerSeconds * 1000)
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      // A redirect would carry the notice somewhere nobody configured.
      redirect: 'manual',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    })
    await answer.body?.cancel()
    return answer.status
  } catch (error) {
    throwIfCancelled(signal)
    if (timeout.aborted) throw new MusterError('Timeout', `the Slack webhook does not answer within ${answerSeconds} s`)
    const code = error instanceof Error && error.cause instanceof Error && 'code' in error.cause ? String(error.cause.code) : null
    throw new MusterError('Unreachable', `the Slack webhook does not answer (${code ?? 'no answer'})`)
  }
}

function refusal(status: number, reference: string): MusterError {
  if (status === 429) return new MusterError('Throttled', 'Slack asks to slow down')
  if (status >= 500) return new MusterError('Unreachable', `Slack answers ${status}`)
  return new MusterError('CredentialsRejected', `Slack refuses the webhook: ${status}`, {
    hint: `make a new webhook, and put it where ${reference} points`,
  })
}

const marks = { info: 'ℹ', warning: '⚠', critical: '🔴' } as const

function textOf(notice: Notice): string {
  const subject = escaped(notice.subject)
  const place = [notice.organisation, notice.system, notice.procedure, notice.run].map(escaped).join(' · ')
  return [`${marks[notice.severity]} *${subject}*`, escaped(notice.body), `_${place}_`].filter(Boolean).join('\n')
}

/** Slack gives these three characters a meaning: mentions and links. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new MusterError('Cancelled', 'the notice for Slack was cancelled')
}
