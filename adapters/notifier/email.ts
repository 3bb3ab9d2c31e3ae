/** Notices by e-mail. */
import { createHash } from 'node:crypto'
import type { NotificationsConfig } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'
import type { Notice, Notifier } from './notifier.ts'

type EmailConfig = NonNullable<NotificationsConfig['email']>
type Resolve = (reference: string) => Promise<string>

const timeoutMs = 15_000

/**
 * Sends one text mail to every recipient, over a connection of its own; the password is resolved anew each time and
 * goes only over an encrypted connection, or to this machine. A retried notice has the same Message-ID.
 * @throws MusterError from `notify`: SecretMissing, CredentialsRejected (login, sender or recipients refused),
 * Throttled (the server asks to wait), Unreachable, Timeout (15 s), Cancelled
 */
export function createEmailNotifier(config: EmailConfig, resolve: Resolve): Notifier {
  return {
    channel: 'email',
    async notify(notice, signal) {
      throwIfCancelled(config, signal)
      const { createTransport } = await import('nodemailer')
      const transport = createTransport(await transportOptions(config, resolve))
      try {
        throwIfCancelled(config, signal)
        await untilAborted(transport.sendMail(mailOf(config, notice)), signal)
      } catch (error) {
        throwIfCancelled(config, signal)
        throw explain(error, config)
      } finally {
        transport.close()
      }
    },
  }
}

async function transportOptions({ smtp }: EmailConfig, resolve: Resolve) {
  const { host, port, secure, user } = smtp
  const pass = smtp.password === undefined ? '' : await resolve(smtp.password)
  return {
    host,
    port,
    secure,
    requireTLS: !secure && user !== undefined && !isThisMachine(host),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    ...(user === undefined ? {} : { auth: { user, pass } }),
  }
}

function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d+){3}$/.test(host)
}

function mailOf(config: EmailConfig, notice: Notice) {
  return {
    from: config.from,
    to: [...config.to],
    subject: `[Muster] ${notice.subject.replace(/\s+/g, ' ')}`,
    text: textOf(notice),
    date: new Date(notice.at),
    messageId: `<${createHash('sha256').update(JSON.stringify(notice)).digest('hex').slice(0, 40)}@muster.invalid>`,
    headers: { 'Auto-Submitted': 'auto-generated' },
  }
}

function textOf(notice: Notice): string {
  const facts = [
    `System:     ${notice.system} (${notice.organisation})`,
    `Procedure:  ${notice.procedure}`,
    `Run:        ${notice.run}`,
    `At:         ${notice.at}`,
  ]
  return [notice.subject, '', notice.body, '', ...facts].join('\n')
}

/** What the server answered may repeat the password: only codes go on, and no cause is kept. */
function explain(error: unknown, { smtp }: EmailConfig): MusterError {
  const place = `${smtp.host}:${smtp.port}`
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const answer = error instanceof Error && 'responseCode' in error ? Number(error.responseCode) : 0
  if (answer >= 400 && answer < 500) {
    return new MusterError('Throttled', `the mail server ${place} asks to wait (${answer})`)
  }
  if (code === 'ETLS') {
    return new MusterError('CredentialsRejected', `the mail server ${place} offers no encryption for the password`, {
      hint: 'use the encrypted port of the server: notifications.email.smtp.secure',
    })
  }
  if (code === 'EAUTH') {
    return new MusterError('CredentialsRejected', `the mail server ${place} refuses the login (${answer || code})`)
  }
  if (answer >= 500) {
    return new MusterError('CredentialsRejected', `the mail server ${place} refuses the message (${answer})`, {
      hint: 'correct sender and recipients of notifications.email',
    })
  }
  if (code === 'ETIMEDOUT') return new MusterError('Timeout', `the mail server ${place} does not answer in time`)
  return new MusterError('Unreachable', `the mail server ${place} does not answer (${code || 'no answer'})`)
}

/** An open connection ends by its own time-outs; nobody waits for it. */
async function untilAborted(work: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return void (await work)
  let onAbort = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(new Error('aborted'))
  })
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function throwIfCancelled({ smtp }: EmailConfig, signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new MusterError('Cancelled', `the mail through ${smtp.host}:${smtp.port} was cancelled`)
}
