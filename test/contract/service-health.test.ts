import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { createService } from '../../adapters/service/create.ts'
import type { HealthCheck } from '../../domain/config.ts'
import { startWebhookServer, type WebhookServer } from '../support/webhook-server.ts'

describe('the health of a service', () => {
  let server: WebhookServer

  beforeEach(async () => {
    server = await startWebhookServer()
  })
  afterEach(() => server.stop())

  function look(health: HealthCheck, signal?: AbortSignal) {
    const control = { type: 'command' as const, start: ['true'], stop: ['true'], status: ['true'] }
    const config = { name: 'api', host: 'app1', control, health, startTimeoutSeconds: 1, stopTimeoutSeconds: 1 }
    return createService(config).health(signal)
  }

  it('is what the expected status of an address says', async () => {
    const check = { http: `${server.origin}/health`, expectStatus: 204 }
    server.answer(204)
    assert.deepEqual(await look(check), { healthy: true, detail: `${check.http} answers 204` })
    server.answer(503)
    assert.deepEqual(await look(check), { healthy: false, detail: `${check.http} answers 503, 204 expected` })
  })

  it('does not follow a redirect', async () => {
    server.answer(302, { location: '/elsewhere' })
    assert.equal((await look({ http: `${server.origin}/health`, expectStatus: 200 })).healthy, false)
    assert.equal((await look({ http: `${server.origin}/health`, expectStatus: 302 })).healthy, true)
    assert.ok(server.posts.every(({ path }) => path === '/health'))
  })

  it('waits at most five seconds for an answer', async () => {
    server.answer('never')
    const started = performance.now()
    const health = await look({ http: `${server.origin}/health`, expectStatus: 200 })
    assert.equal(health.healthy, false)
    assert.match(health.detail, /does not answer within 5 s/)
    const seconds = (performance.now() - started) / 1000
    assert.ok(seconds > 4.5 && seconds < 20, `${seconds} s`)
  })

  it('ends the look when it is cancelled', async () => {
    server.answer('never')
    const signal = AbortSignal.timeout(100)
    await assert.rejects(look({ http: server.origin, expectStatus: 200 }, signal), { type: 'Cancelled' })
  })

  it('does not repeat a user, a password or a query of the address', async () => {
    const address = server.origin.replace('http://', 'http://ann:geheim@')
    server.answer(500)
    const { detail } = await look({ http: `${address}/health?token=geheim`, expectStatus: 200 })
    assert.doesNotMatch(detail, /geheim|ann/)
    await server.stop()
    assert.doesNotMatch((await look({ http: `${address}/health?token=geheim`, expectStatus: 200 })).detail, /geheim/)
  })

  it('is bad when nothing listens at the address', async () => {
    const port = await freePort()
    const http = await look({ http: `http://127.0.0.1:${port}/`, expectStatus: 200 })
    assert.deepEqual(http, { healthy: false, detail: `http://127.0.0.1:${port}/ refuses connections` })
    const tcp = await look({ tcp: `127.0.0.1:${port}` })
    assert.deepEqual(tcp, { healthy: false, detail: `127.0.0.1:${port} refuses connections` })
  })

  it('is good when a port accepts a connection', async () => {
    const { port } = new URL(server.origin)
    assert.equal((await look({ tcp: `127.0.0.1:${port}` })).healthy, true)
    assert.equal((await look({ tcp: `localhost:${port}` })).healthy, true)
    assert.equal((await look({ tcp: 'no-port' })).healthy, false)
  })

  it('is what the exit code of a command says', async () => {
    assert.equal((await look({ command: ['true'] })).healthy, true)
    const bad = await look({ command: ['/bin/sh', '-c', 'echo queue is full >&2; exit 2'] })
    assert.equal(bad.healthy, false)
    assert.match(bad.detail, /exit code 2: queue is full/)
    assert.match((await look({ command: ['/nowhere/ready'] })).detail, /not found/)
    await assert.rejects(look({ command: ['sleep', '20'] }, AbortSignal.timeout(200)), { type: 'Cancelled' })
  })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
