import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import type { Evidence } from '../../domain/evidence.ts'
import { openDocument } from '../../repository/signed-document.ts'
import type { RestoreResult } from '../../workflows/messages.ts'
import { createRig, type Rig, startTemporal, waitFor } from '../support/rig.ts'
import { type MailServer, startMailServer } from '../support/smtp-server.ts'
import { startWebhookServer, type WebhookServer } from '../support/webhook-server.ts'

describe('contacts of a restore that waits, by mail and Slack', function () {
  this.timeout(120_000)
  let env: TestWorkflowEnvironment
  let mail: MailServer
  let slack: WebhookServer
  let rig: Rig

  before(async () => {
    env = await startTemporal()
    mail = await startMailServer()
    slack = await startWebhookServer()
    rig = await createRig({ env, prepare, yaml: yamlFor, withShipper: false })
    await env.client.workflow.execute('backupSystem', { taskQueue: 'muster', workflowId: 'backup/1', args: [{ system: 'shop' }] })
  })
  after(async () => {
    await rig?.stop()
    await slack?.stop()
    await mail?.stop()
    await env?.teardown()
  })

  async function prepare(base: string): Promise<void> {
    await mkdir(join(base, 'uploads'))
    await writeFile(join(base, 'uploads', 'logo.png'), 'first')
    await writeFile(join(base, 'lead'), slack.url, { mode: 0o600 })
    // Nobody listens there.
    await writeFile(join(base, 'nobody'), 'http://127.0.0.1:9/services/gone', { mode: 0o600 })
  }

  const yamlFor = (base: string) => `
organisation: Test
stores: { local: { type: directory, path: ${base}/stores/local } }
encryption: { identity: "file:${base}/keys/identity.txt" }
people: { alice: {}, bob: {} }
notifications:
  email: { from: muster@example.com, to: [ops@example.com], smtp: { host: ${mail.host}, port: ${mail.port} } }
contacts:
  - { role: on call, channels: [{ email: [on-call@example.com] }, { slack: "file:${base}/nobody" }], escalateAfter: 1s }
  - { role: lead, channels: [{ slack: "file:${base}/lead" }], escalateAfter: 10m }
  - { role: head, channels: [{ email: [head@example.com] }] }
systems:
  shop:
    components: { uploads: { type: files, paths: [${base}/uploads] } }
    restore: { commitAfter: 0, approvals: { count: 1, requesterMay: no } }
`

  const mailsTo = (address: string) => mail.mails.filter(({ to }) => to.includes(address)).map(({ text }) => text)

  it('tells the first at once, the second when nobody approves, the third never, and loses no notice of a channel that is out', async () => {
    const handle = await env.client.workflow.start('restoreSystem', {
      taskQueue: 'muster',
      workflowId: 'target/shop',
      args: [{ system: 'shop', newerFiles: 'discard', requestedBy: 'alice' }],
    })
    await waitFor('the second contact', async () => slack.posts.length > 0)
    assert.match(mailsTo('on-call@example.com').join(), /Subject: \[Muster\] restore of shop waits for approval/)
    assert.equal(mailsTo('ops@example.com').filter((text) => /waits for approval/.test(text)).length, 1, 'everybody is told once, not with each escalation')
    const { text } = JSON.parse(slack.posts[0]?.body ?? '{}') as { text?: string }
    assert.match(text ?? '', /unanswered for \d+ s: restore of shop waits for approval/)
    assert.match(text ?? '', /on call by log, email, email \(on call\); not by slack \(on call\): the Slack webhook does not answer/)
    const { memo = {} } = await handle.describe()
    const plan = String(memo['plan'])
    assert.ok(text?.includes(`muster approve ${plan.slice(0, 12)}`))
    await handle.executeUpdate('approve', { args: [{ plan, person: 'bob' }] })
    const result = (await handle.result()) as RestoreResult
    assert.equal(result.outcome, 'succeeded')
    assert.deepEqual(mailsTo('head@example.com'), [])
    assert.match(mailsTo('on-call@example.com').at(-1) ?? '', /restore of shop succeeded/)
    await assertEvidence(result)
  })

  it('tells the first contact of an alarm of a system, besides everybody', async () => {
    const before = mailsTo('on-call@example.com').length
    await env.client.workflow.execute('archiveWal', { taskQueue: 'muster', workflowId: 'wal/1', args: [{ system: 'nowhere' }] }).catch(() => undefined)
    await waitFor('the mail', async () => mailsTo('on-call@example.com').length > before)
    assert.match(mailsTo('on-call@example.com').at(-1) ?? '', /archiving WAL of nowhere failed/)
  })

  async function assertEvidence({ record }: RestoreResult): Promise<void> {
    const { key = '' } = record ?? {}
    const bytes = await readFile(join(rig.base, 'stores', 'local', key))
    const evidence = openDocument<Evidence>(await rig.agent.verifier(rig.config), 'evidence', bytes, key).value
    const told = evidence.delivered.filter(({ contacts = [] }) => contacts.length > 0)
    assert.deepEqual(told[0]?.contacts, ['on call'])
    assert.deepEqual(told[1], { event: 'approval-needed', channels: ['log', 'slack (lead)'], at: told[1]?.at, contacts: ['lead'] })
    assert.ok((told[0]?.at ?? '') < (told[1]?.at ?? ''))
    assert.ok(evidence.undelivered.some(({ channel }) => channel === 'slack (on call)'))
  }
})
