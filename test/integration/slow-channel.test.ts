import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import type { BackupSystemResult } from '../../workflows/messages.ts'
import { createRig, type Rig, startTemporal } from '../support/rig.ts'
import { startWebhookServer, type WebhookServer } from '../support/webhook-server.ts'

/** A mail server that greets for ever: no time-out of a socket ever ends the waiting for it. */
async function startEndlessServer(): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    const greeting = setInterval(() => socket.write('220-one moment please\r\n'), 100)
    socket.on('close', () => clearInterval(greeting))
    socket.on('error', () => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

describe('a channel that never comes to an end', function () {
  this.timeout(120_000)
  let env: TestWorkflowEnvironment
  let mail: Awaited<ReturnType<typeof startEndlessServer>>
  let slack: WebhookServer
  let rig: Rig

  before(async () => {
    env = await startTemporal()
    mail = await startEndlessServer()
    slack = await startWebhookServer()
    rig = await createRig({ env, prepare, yaml: yamlFor, withShipper: false })
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
    await writeFile(join(base, 'hook'), slack.url, { mode: 0o600 })
  }

  const yamlFor = (base: string) => `
organisation: Test
stores: { local: { type: directory, path: ${base}/stores/local } }
encryption: { identity: "file:${base}/keys/identity.txt" }
notifications:
  email: { from: muster@example.com, to: [ops@example.com], smtp: { host: 127.0.0.1, port: ${mail.port} } }
  slack: { webhook: "file:${base}/hook" }
limits: { notify: 20s }
systems: { shop: { components: { uploads: { type: files, paths: [${base}/uploads] } } } }
`

  it('is named with its limit, and takes nothing from what the others answered', async () => {
    const input = { taskQueue: 'muster', workflowId: 'backup/1', args: [{ system: 'shop' }] }
    const { undelivered } = (await env.client.workflow.execute('backupSystem', input)) as BackupSystemResult
    assert.ok(undelivered.length > 0)
    for (const one of undelivered) assert.deepEqual(one, { channel: 'email', problem: 'email did not answer in 10 s' })
    assert.equal(slack.posts.length, undelivered.length, 'each notice was posted once')
  })
})
