/** What is peculiar to each channel: refusals, secrets, and the form of a notice. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { createEmailNotifier } from '../../adapters/notifier/email.ts'
import { createLogNotifier } from '../../adapters/notifier/log.ts'
import type { Notice } from '../../adapters/notifier/notifier.ts'
import { createSlackNotifier } from '../../adapters/notifier/slack.ts'
import { MusterError } from '../../domain/failures.ts'
import { type MailServer, type MailServerOptions, startMailServer } from '../support/smtp-server.ts'
import { startWebhookServer, type WebhookServer } from '../support/webhook-server.ts'

const secret = 'kaffeetasse-4711'

const notice: Notice = {
  event: 'succeeded',
  severity: 'info',
  organisation: 'Example',
  system: 'shop',
  procedure: 'backupSystem',
  run: 'backup/shop/1',
  subject: 'shop is backed up',
  body: 'in three stores',
  at: '2025-03-01T02:03:04.000Z',
}

/** A failure of that type which shows the secret nowhere: message, hint, cause, stack. */
function failureWithoutSecret(type: string) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof MusterError, inspect(error))
    assert.equal(error.type, type, error.message)
    assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes(secret), 'the secret is shown')
    return true
  }
}

describe('the e-mail notifier', () => {
  const servers: MailServer[] = []
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop()
  })

  async function serverWith(options: MailServerOptions): Promise<MailServer> {
    const server = await startMailServer(options)
    servers.push(server)
    return server
  }

  function notifier({ host, port }: { host: string; port: number }, user?: string, password = secret) {
    const smtp = { host, port, secure: false, ...(user ? { user, password: 'env:SMTP' } : {}) }
    return createEmailNotifier({ from: 'Muster <muster@example.com>', to: ['ops@example.com', 'boss@example.com'], smtp }, async (reference) =>
      reference === 'env:SMTP' ? password : assert.fail(reference),
    )
  }

  it('sends one text mail to every recipient', async () => {
    const server = await serverWith({})
    await notifier(server).notify(notice)
    const [mail] = server.mails
    assert.deepEqual(mail?.to, ['ops@example.com', 'boss@example.com'])
    assert.equal(mail?.from, 'muster@example.com')
    assert.match(mail.text, /^Subject: \[Muster\] shop is backed up\r$/m)
    assert.match(mail.text, /^Content-Type: text\/plain/m)
    assert.match(mail.text, /^Date: Sat, 01 Mar 2025 02:03:04 \+0000\r$/m)
  })

  it('signs in with the resolved password', async () => {
    const server = await serverWith({ account: { user: 'muster', password: secret } })
    await notifier(server, 'muster').notify(notice)
    assert.equal(server.mails[0]?.user, 'muster')
  })

  it('fails with CredentialsRejected and without the password when the server refuses it', async () => {
    const server = await serverWith({ account: { user: 'muster', password: 'another' } })
    await assert.rejects(notifier(server, 'muster').notify(notice), failureWithoutSecret('CredentialsRejected'))
    assert.equal(server.mails.length, 0)
  })

  it('sends no password to another machine over an open connection', async () => {
    const server = await serverWith({ account: { user: 'muster', password: secret } })
    // Not spelt as loopback, but it leads there.
    const elsewhere = notifier({ host: '0.0.0.0', port: server.port }, 'muster')
    await assert.rejects(elsewhere.notify(notice), failureWithoutSecret('CredentialsRejected'))
    assert.equal(server.mails.length, 0)
  })

  it('tells a server that asks to come later from one that refuses', async () => {
    const later = await serverWith({ refuseWith: 450 })
    await assert.rejects(notifier(later).notify(notice), failureWithoutSecret('Throttled'))
    const never = await serverWith({ refuseWith: 550 })
    await assert.rejects(notifier(never).notify(notice), failureWithoutSecret('CredentialsRejected'))
  })

  it('sends a retried notice under the same message id', async () => {
    const server = await serverWith({})
    await notifier(server).notify(notice)
    await notifier(server).notify(notice)
    await notifier(server).notify({ ...notice, run: 'backup/shop/2' })
    const [first, second, third] = server.mails.map(({ text }) => /^Message-ID: (.*)\r$/im.exec(text)?.[1])
    assert.ok(first)
    assert.equal(first, second)
    assert.notEqual(first, third)
  })

  it('adds no header or recipient that a notice tries to smuggle in', async () => {
    const server = await serverWith({})
    await notifier(server).notify({ ...notice, subject: 'done\r\nBcc: thief@example.com\r\n\r\nowned' })
    const head = server.mails[0]?.text.split('\r\n\r\n')[0] ?? ''
    assert.doesNotMatch(head, /^Bcc:/im)
    assert.equal(server.mails[0]?.to.length, 2)
  })

  it('ends when it is cancelled while a server keeps silent', async () => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => sockets.push(socket.on('error', () => {}))).listen(0, '127.0.0.1')
    await new Promise((resolve) => silent.once('listening', resolve))
    try {
      const place = { host: '127.0.0.1', port: (silent.address() as AddressInfo).port }
      const started = performance.now()
      await assert.rejects(notifier(place).notify(notice, AbortSignal.timeout(200)), { type: 'Cancelled' })
      // Its own time-out would come after 15 s.
      assert.ok(performance.now() - started < 12_000)
    } finally {
      for (const socket of sockets) socket.destroy()
      silent.close()
    }
  })

  it('names the missing secret', async () => {
    const server = await serverWith({})
    const smtp = { host: server.host, port: server.port, secure: false, user: 'muster', password: 'env:NONE' }
    const lost = createEmailNotifier({ from: 'a@example.com', to: ['b@example.com'], smtp }, async (reference) => {
      throw new MusterError('SecretMissing', `${reference} is not set`)
    })
    await assert.rejects(lost.notify(notice), { type: 'SecretMissing', message: /env:NONE/ })
  })
})

describe('the Slack notifier', () => {
  let server: WebhookServer
  beforeEach(async () => {
    server = await startWebhookServer(`/services/T0/B0/${secret}`)
  })
  afterEach(() => server.stop())

  function notifier(url = server.url) {
    return createSlackNotifier({ webhook: 'env:HOOK' }, async (reference) => (reference === 'env:HOOK' ? url : ''))
  }

  it('posts JSON to the webhook', async () => {
    await notifier().notify(notice)
    const [post] = server.posts
    assert.equal(post?.method, 'POST')
    assert.equal(post.path, `/services/T0/B0/${secret}`)
    assert.equal(post.contentType, 'application/json')
    assert.match((JSON.parse(post.body) as { text: string }).text, /^ℹ \*shop is backed up\*\nin three stores\n_Example · shop · /)
  })

  it('mentions nobody that a notice names', async () => {
    await notifier().notify({ ...notice, body: '<!channel> & <https://evil.example|click>' })
    assert.match(server.posts[0]?.body ?? '', /&lt;!channel&gt; &amp; &lt;https/)
  })

  const answers = { 429: 'Throttled', 404: 'CredentialsRejected', 403: 'CredentialsRejected', 500: 'Unreachable', 503: 'Unreachable' }
  for (const [status, type] of Object.entries(answers)) {
    it(`fails with ${type} and without the address when the webhook answers ${status}`, async () => {
      server.answer(Number(status))
      await assert.rejects(notifier().notify(notice), failureWithoutSecret(type))
    })
  }

  it('does not carry a notice to where the webhook redirects', async () => {
    server.answer(307, { location: '/elsewhere' })
    await assert.rejects(notifier().notify(notice), failureWithoutSecret('CredentialsRejected'))
    assert.equal(server.posts.length, 1)
  })

  it('shows the address neither when it is wrong nor when nothing listens there', async () => {
    await assert.rejects(notifier(`not a url ${secret}`).notify(notice), failureWithoutSecret('CredentialsRejected'))
    await assert.rejects(notifier(`ftp://x/${secret}`).notify(notice), failureWithoutSecret('CredentialsRejected'))
    await assert.rejects(notifier(`http://ann:${secret}@127.0.0.1/`).notify(notice), failureWithoutSecret('CredentialsRejected'))
    await assert.rejects(notifier(`http://${secret}.invalid/`).notify(notice), failureWithoutSecret('Unreachable'))
    await server.stop()
    await assert.rejects(notifier().notify(notice), failureWithoutSecret('Unreachable'))
  })

  it('ends when it is cancelled while the webhook keeps silent', async () => {
    server.answer('never')
    await assert.rejects(notifier().notify(notice, AbortSignal.timeout(100)), failureWithoutSecret('Cancelled'))
  })
})

describe('the notice log', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'muster-notices-'))
  })
  afterEach(() => rm(directory, { recursive: true }))

  it('makes its directory and a file that only its owner reads', async () => {
    const path = join(directory, 'new', 'deep', 'notices.jsonl')
    await createLogNotifier({ path }).notify(notice)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.equal((await stat(join(directory, 'new'))).mode & 0o066, 0)
    assert.deepEqual(JSON.parse(await readFile(path, 'utf8')), notice)
  })

  it('appends whole lines, also when several write at the same time', async () => {
    const path = join(directory, 'notices.jsonl')
    const long = { ...notice, body: 'line\n'.repeat(4000) }
    await Promise.all(Array.from({ length: 20 }, () => createLogNotifier({ path }).notify(long)))
    const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -1)
    assert.equal(lines.length, 20)
    for (const line of lines) assert.deepEqual(JSON.parse(line), long)
  })

  it('says which path cannot be written', async () => {
    const path = join(directory, 'notices.jsonl', 'below-a-file')
    await createLogNotifier({ path: join(directory, 'notices.jsonl') }).notify(notice)
    await assert.rejects(createLogNotifier({ path }).notify(notice), { type: 'Unreachable', message: /below-a-file/ })
    if (process.geteuid?.() === 0) {
      const full = createLogNotifier({ path: '/dev/full' })
      await assert.rejects(full.notify(notice), { type: 'Unreachable', message: /\/dev\/full.*ENOSPC/ })
    }
  })
})
