/** Notices through a Slack incoming webhook. The webhook's address is a secret: it is in no message. */
import type { NotificationsConfig } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'
import type { Notice, Notifier } from './notifier.ts'

const timeoutMs = 10_000

export function createSlackNotifier(config: NonNullable<NotificationsConfig['slack']>, resolve: (reference: string) => Promise<string>): Notifier {
  return {
    channel: 'slack',
    async notify(notice, signal) {
      const url = await resolve(config.webhook)
      const timeout = AbortSignal.timeout(timeoutMs)
      let answer: Response
      try {
        answer = await fetch(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ text: textOf(notice) }),
          signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
        })
      } catch (error) {
        const code = error instanceof Error && error.cause instanceof Error && 'code' in error.cause ? String(error.cause.code) : 'no answer'
        throw new MusterError('Unreachable', `the Slack webhook does not answer (${code})`)
      }
      await answer.body?.cancel()
      if (answer.ok) return
      if (answer.status === 429) throw new MusterError('Throttled', 'Slack asks to slow down')
      if (answer.status >= 500) throw new MusterError('Unreachable', `Slack answers ${answer.status}`)
      throw new MusterError('CredentialsRejected', `Slack refuses the webhook: ${answer.status}`, { hint: `make a new webhook, and put it where ${config.webhook} points` })
    },
  }
}

const marks = { info: 'ℹ', warning: '⚠', critical: '🔴' } as const

function textOf(notice: Notice): string {
  return [`${marks[notice.severity]} *${notice.subject}*`, notice.body, `_${notice.organisation} · ${notice.procedure} · ${notice.run}_`].filter(Boolean).join('\n')
}
