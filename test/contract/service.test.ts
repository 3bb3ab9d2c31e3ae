/** What every manager of services keeps to, run on each of them. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createService } from '../../adapters/service/create.ts'
import type { ServiceAdapter } from '../../adapters/service/service.ts'
import type { ServiceConfig } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'
import { createDockerStandIn } from '../support/docker-stand-in.ts'
import { createSystemctlStandIn } from '../support/systemctl-stand-in.ts'

interface Bench {
  readonly service: ServiceAdapter
  /** Starting does not bring it up. */
  readonly neverComesUp: ServiceAdapter
  /** The same, where that is waited for longer than a test lasts. */
  readonly comesUpLate: ServiceAdapter
  /** Running, and stopping does not end it. */
  readonly neverStops: ServiceAdapter
  /** How often its manager was told to start or stop. */
  orders(): Promise<number>
  remove(): Promise<void>
}

/** Waited for by nobody but a machine that is busy. */
const limits = { startTimeoutSeconds: 120, stopTimeoutSeconds: 120 }
/** Of what is waited for in vain: its commands too have to end within that time. */
const shortLimits = { startTimeoutSeconds: 3, stopTimeoutSeconds: 3 }

const vendors: Readonly<Record<string, () => Promise<Bench>>> = { command: commandBench, systemd: systemdBench, compose: composeBench }

for (const [vendor, prepare] of Object.entries(vendors)) {
  describe(`a service controlled by ${vendor}`, () => {
    let bench: Bench

    beforeEach(async () => {
      bench = await prepare()
    })
    afterEach(() => bench.remove())

    it('is observed running after start and stopped after stop', async () => {
      const { service } = bench
      assert.equal(await service.observe(), 'stopped')
      await service.start()
      assert.equal(await service.observe(), 'running')
      await service.stop()
      assert.equal(await service.observe(), 'stopped')
    })

    it('is not started or stopped again when it already is where it should be', async () => {
      const { service } = bench
      await service.stop()
      assert.equal(await bench.orders(), 0)
      await service.start()
      await service.start()
      assert.equal(await bench.orders(), 1)
    })

    it('is told nothing once somebody else has taken over, however late that is', async () => {
      const { service } = bench
      const late = () => {
        throw new MusterError('EpochSuperseded', 'a newer attempt has taken over', { hint: 'none' })
      }
      await assert.rejects(service.start(undefined, late), failure('EpochSuperseded', /taken over/))
      assert.equal(await bench.orders(), 0)
      await service.start()
      await assert.rejects(service.stop(undefined, late), failure('EpochSuperseded', /taken over/))
      assert.equal(await bench.orders(), 1)
      assert.equal(await service.observe(), 'running')
    })

    it('is healthy exactly when it runs, without a check of its own', async () => {
      const { service } = bench
      assert.equal((await service.health()).healthy, false)
      await service.start()
      const health = await service.health()
      assert.equal(health.healthy, true)
      assert.match(health.detail, /\S/)
    })

    it('fails with ServiceUnhealthy when it does not come up', async () => {
      await assert.rejects(bench.neverComesUp.start(), failure('ServiceUnhealthy', /stubborn/))
    })

    it('fails with Timeout when it is still observed running', async () => {
      await assert.rejects(bench.neverStops.stop(), failure('Timeout', /stubborn/))
      assert.notEqual(await bench.neverStops.observe().catch(() => 'running'), 'stopped')
    })

    it('does nothing when it was cancelled before', async () => {
      const signal = AbortSignal.abort()
      await assert.rejects(bench.service.start(signal), failure('Cancelled', /./))
      assert.equal(await bench.orders(), 0)
    })

    it('stops waiting when it is cancelled', async () => {
      await assert.rejects(bench.comesUpLate.start(AbortSignal.timeout(300)), failure('Cancelled', /./))
    })
  })
}

function failure(type: string, message: RegExp) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof MusterError, String(error))
    assert.equal(error.type, type, error.message)
    assert.match(error.message, message)
    assert.doesNotMatch(error.message, /\.$|\n/)
    assert.match(error.hint, /\S/)
    return true
  }
}

/** A service that is a file: there when it runs. */
async function commandBench(): Promise<Bench> {
  const directory = await mkdtemp(join(tmpdir(), 'muster-service-'))
  const orders = join(directory, 'orders')
  const flag = join(directory, 'flag')
  const stuck = join(directory, 'stuck')
  await writeFile(orders, '')
  await writeFile(stuck, '')
  const log = (command: string) => ['/bin/sh', '-c', `echo order >> ${orders}; ${command}`]
  const make = (name: string, start: string, stop: string, file: string, within = limits): ServiceAdapter => {
    const control = { type: 'command' as const, start: log(start), stop: log(stop), status: ['test', '-e', file] }
    return createService({ name, host: 'app1', control, ...within } satisfies ServiceConfig)
  }
  return {
    service: make('api', `touch ${flag}`, `rm ${flag}`, flag),
    neverComesUp: make('stubborn', 'true', 'true', join(directory, 'never'), shortLimits),
    comesUpLate: make('stubborn', 'true', 'true', join(directory, 'never')),
    neverStops: make('stubborn', 'true', 'true', stuck, shortLimits),
    orders: async () => (await readFile(orders, 'utf8')).split('\n').length - 1,
    remove: () => rm(directory, { recursive: true }),
  }
}

async function systemdBench(): Promise<Bench> {
  const systemctl = await createSystemctlStandIn()
  await systemctl.setUnit('api.service', { state: 'inactive' })
  await systemctl.setUnit('slow.service', { state: 'inactive', onStart: 'activating' })
  await systemctl.setUnit('stuck.service', { state: 'active', onStop: 'deactivating' })
  const make = (name: string, unit: string, within = limits): ServiceAdapter =>
    createService({ name, host: 'app1', control: { type: 'systemd', unit }, ...within }, { systemctl: systemctl.path })
  return {
    service: make('api', 'api.service'),
    neverComesUp: make('stubborn', 'slow.service', shortLimits),
    comesUpLate: make('stubborn', 'slow.service'),
    neverStops: make('stubborn', 'stuck.service', shortLimits),
    async orders() {
      return (await systemctl.calls()).filter((call) => call.includes('start') || call.includes('stop')).length
    },
    remove: systemctl.remove,
  }
}

async function composeBench(): Promise<Bench> {
  const docker = await createDockerStandIn()
  await docker.setService('api', { state: 'none' })
  await docker.setService('slow', { state: 'none', onUp: 'restarting' })
  await docker.setService('stuck', { state: 'running', onStop: 'running' })
  const make = (name: string, service: string, within = limits): ServiceAdapter =>
    createService({ name, host: 'app1', control: { type: 'compose', file: '/srv/shop/compose.yml', service }, ...within }, { docker: docker.path })
  return {
    service: make('api', 'api'),
    neverComesUp: make('stubborn', 'slow', shortLimits),
    comesUpLate: make('stubborn', 'slow'),
    neverStops: make('stubborn', 'stuck', shortLimits),
    async orders() {
      return (await docker.calls()).filter((call) => call.includes('up') || call.includes('stop')).length
    },
    remove: docker.remove,
  }
}
