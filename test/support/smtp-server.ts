/** A real SMTP server on loopback that keeps what it was sent. */
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'

export interface ReceivedMail {
  readonly from: string
  readonly to: readonly string[]
  /** The whole message as it came. */
  readonly text: string
  /** The user it was sent as; null without one. */
  readonly user: string | null
}

export interface MailServer {
  readonly host: string
  readonly port: number
  readonly mails: readonly ReceivedMail[]
  stop(): Promise<void>
}

export interface MailServerOptions {
  /** Only this user may send; without it nobody needs to say who they are. */
  readonly account?: { readonly user: string; readonly password: string }
  /** Every recipient is answered with this code. */
  readonly refuseWith?: number
}

export async function startMailServer(options: MailServerOptions = {}): Promise<MailServer> {
  const mails: ReceivedMail[] = []
  const server = new SMTPServer({
    authOptional: options.account === undefined,
    allowInsecureAuth: true,
    disabledCommands: options.account ? ['STARTTLS'] : ['STARTTLS', 'AUTH'],
    disableReverseLookup: true,
    onAuth({ username, password }, _session, callback) {
      const { user, password: right } = options.account ?? {}
      if (username === user && password === right) callback(null, { user: username })
      // A server may be so careless as to repeat the password.
      else callback(coded(535, `invalid login for ${username} with ${password}`))
    },
    onRcptTo(_address, _session, callback) {
      callback(options.refuseWith === undefined ? null : coded(options.refuseWith, 'not now'))
    },
    onData(stream, session, callback) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope
        mails.push({
          from: mailFrom ? mailFrom.address : '',
          to: rcptTo.map(({ address }) => address),
          text: Buffer.concat(chunks).toString('utf8'),
          user: (session.user as string | undefined) ?? null,
        })
        callback()
      })
    },
  })
  // A client that leaves in the middle is no error of the server.
  server.on('error', () => {})
  const listener = server.listen(0, '127.0.0.1')
  await new Promise((resolve) => listener.once('listening', resolve))
  return {
    host: '127.0.0.1',
    port: (listener.address() as AddressInfo).port,
    mails,
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

function coded(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode })
}
