/** Notices by e-mail. */
import { createTransport } from 'nodemailer'
import type { NotificationsConfig } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'
import type { Notice, Notifier } from './notifier.ts'

const timeoutMs = 15_000

export function createEmailNotifier(config: NonNullable<NotificationsConfig['email']>, resolve: (reference: string) => Promise<string>): Notifier {
  const { smtp } = config
  return {
    channel: 'email',
    async notify(notice) {
      const password = smtp.password === undefined ? undefined : await resolve(smtp.password)
      const transport = createTransport({
        host: smtp.host,
        port: smtp.port,
        secure: smtp.secure,
        connectionTimeout: timeoutMs,
        greetingTimeout: timeoutMs,
        socketTimeout: timeoutMs,
        ...(smtp.user !== undefined && { auth: { user: smtp.user, pass: password ?? '' } }),
      })
      try {
        await transport.sendMail({ from: config.from, to: [...config.to], subject: `[Muster] ${notice.subject}`, text: textOf(notice) })
      } catch (error) {
        throw explain(error, `${smtp.host}:${smtp.port}`)
      } finally {
        transport.close()
      }
    },
  }
}

function textOf(notice: Notice): string {
  const facts = [`System:     ${notice.system}`, `Procedure:  ${notice.procedure}`, `Run:        ${notice.run}`, `At:         ${notice.at}`]
  return [notice.subject, '', notice.body, '', ...facts].join('\n')
}

function explain(error: unknown, place: string): MusterError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const answer = error instanceof Error && 'responseCode' in error ? Number(error.responseCode) : 0
  if (code === 'EAUTH') return new MusterError('CredentialsRejected', `the mail server ${place} refuses the login (${answer})`)
  if (answer >= 500) return new MusterError('CredentialsRejected', `the mail server ${place} refuses the message (${answer})`, { hint: 'correct sender and recipients of notifications.email' })
  if (answer >= 400) return new MusterError('Throttled', `the mail server ${place} asks to wait (${answer})`)
  return new MusterError('Unreachable', `the mail server ${place} does not answer (${code || 'no answer'})`)
}
