/** What every channel to people keeps to, run on each of them. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEmailNotifier } from '../../adapters/notifier/email.ts'
import { createLogNotifier } from '../../adapters/notifier/log.ts'
import type { Notice, Notifier } from '../../adapters/notifier/notifier.ts'
import { createSlackNotifier } from '../../adapters/notifier/slack.ts'
import { startMailServer } from '../support/smtp-server.ts'
import { startWebhookServer } from '../support/webhook-server.ts'

interface Bench {
  readonly notifier: Notifier
  /** Nothing takes its notices. */
  readonly broken: Notifier
  /** What arrived, as text. */
  arrived(): Promise<string[]>
  remove(): Promise<void>
}

const vendors: Readonly<Record<string, () => Promise<Bench>>> = { email: emailBench, slack: slackBench, log: logBench }

const notice: Notice = {
  event: 'failed',
  severity: 'critical',
  organisation: 'Example',
  system: 'shop',
  procedure: 'restoreSystem',
  run: 'target/shop',
  subject: 'shop was not restored: nothing was changed',
  body: 'the backup of 02:00 is damaged\nuse another store: --from nas',
  at: '2025-03-01T02:03:04.000Z',
}

for (const [channel, prepare] of Object.entries(vendors)) {
  describe(`the notifier of the channel ${channel}`, () => {
    let bench: Bench

    beforeEach(async () => {
      bench = await prepare()
    })
    afterEach(() => bench.remove())

    it('says which channel it is', () => {
      assert.equal(bench.notifier.channel, channel)
      assert.equal(bench.broken.channel, channel)
    })

    it('delivers what a person needs to know', async () => {
      await bench.notifier.notify(notice)
      const [text, ...more] = await bench.arrived()
      assert.ok(text !== undefined && more.length === 0)
      for (const part of [notice.subject, 'the backup of 02:00 is damaged', 'use another store: --from nas', 'target/shop', 'restoreSystem']) {
        assert.ok(text.includes(part), `${part} is missing in: ${text}`)
      }
    })

    it('delivers each of several notices once', async () => {
      for (const system of ['one', 'two', 'three']) await bench.notifier.notify({ ...notice, system })
      assert.equal((await bench.arrived()).length, 3)
    })

    it('fails with Unreachable when nothing takes the notice', async () => {
      await assert.rejects(bench.broken.notify(notice), { name: 'MusterError', type: 'Unreachable' })
    })

    it('delivers nothing when it was cancelled before', async () => {
      await assert.rejects(bench.notifier.notify(notice, AbortSignal.abort()), { type: 'Cancelled' })
      assert.deepEqual(await bench.arrived(), [])
    })
  })
}

async function emailBench(): Promise<Bench> {
  const server = await startMailServer()
  const gone = await startMailServer()
  await gone.stop()
  const make = ({ host, port }: { host: string; port: number }): Notifier =>
    createEmailNotifier({ from: 'muster@example.com', to: ['ops@example.com'], smtp: { host, port, secure: false } }, async () =>
      assert.fail('there is no secret'),
    )
  return {
    notifier: make(server),
    broken: make(gone),
    arrived: async () => server.mails.map(({ text }) => text),
    remove: () => server.stop(),
  }
}

async function slackBench(): Promise<Bench> {
  const server = await startWebhookServer()
  const gone = await startWebhookServer()
  await gone.stop()
  return {
    notifier: createSlackNotifier({ webhook: 'env:HOOK' }, async () => server.url),
    broken: createSlackNotifier({ webhook: 'env:HOOK' }, async () => gone.url),
    arrived: async () => server.posts.map(({ body }) => (JSON.parse(body) as { text: string }).text),
    remove: () => server.stop(),
  }
}

async function logBench(): Promise<Bench> {
  const directory = await mkdtemp(join(tmpdir(), 'muster-notices-'))
  const path = join(directory, 'notices.jsonl')
  return {
    notifier: createLogNotifier({ path }),
    broken: createLogNotifier({ path: directory }),
    async arrived() {
      const lines = (await readFile(path, 'utf8').catch(() => '')).split('\n').slice(0, -1)
      return lines.map((line) => Object.values(JSON.parse(line) as Notice).join('\n'))
    },
    remove: () => rm(directory, { recursive: true }),
  }
}
