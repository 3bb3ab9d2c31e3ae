import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { createService } from '../../adapters/service/create.ts'
import type { ServiceAdapter } from '../../adapters/service/service.ts'
import { createSystemctlStandIn, type SystemctlStandIn } from '../support/systemctl-stand-in.ts'

describe('a service controlled by systemd', () => {
  const unit = 'shop-api'
  let systemctl: SystemctlStandIn

  beforeEach(async () => {
    systemctl = await createSystemctlStandIn()
  })
  afterEach(() => systemctl.remove())

  function service(name = unit, seconds = 20): ServiceAdapter {
    const control = { type: 'systemd' as const, unit: name }
    const times = { startTimeoutSeconds: seconds, stopTimeoutSeconds: seconds }
    return createService({ name: 'api', host: 'app1', control, ...times }, { systemctl: systemctl.path })
  }

  it('asks systemctl for exactly this unit', async () => {
    await systemctl.setUnit(unit, { state: 'inactive' })
    await service().start()
    const look = ['--no-ask-password', 'show', '--property=LoadState,ActiveState,SubState,Result', '--', unit]
    assert.deepEqual(await systemctl.calls(), [look, ['--no-ask-password', 'start', '--', unit], look])
  })

  it('waits while a unit is activating or deactivating', async () => {
    await systemctl.setUnit(unit, { state: 'inactive', onStart: 'activating', settlesAs: 'active' })
    await service().start()
    assert.equal(await systemctl.state(unit), 'active')
    await systemctl.setUnit(unit, { state: 'active', onStop: 'deactivating', settlesAs: 'inactive' })
    await service().stop()
    assert.equal(await systemctl.state(unit), 'inactive')
  })

  it('never takes a unit that is on its way for a stopped one', async () => {
    await systemctl.setUnit(unit, { state: 'deactivating' })
    assert.equal(await service().observe(), 'running')
    await systemctl.setUnit(unit, { state: 'activating' })
    assert.equal(await service().observe(), 'running')
  })

  it('stops a unit that systemd starts again and again', async () => {
    await systemctl.setUnit(unit, { state: 'activating' })
    await service().stop()
    assert.equal(await systemctl.state(unit), 'inactive')
  })

  it('never takes silence for a stopped unit', async () => {
    await writeFile(systemctl.path, '#!/bin/sh\n')
    await assert.rejects(service().observe(), { type: 'CommandFailed', message: /says nothing about unit shop-api/ })
  })

  it('does not take a unit that is on its way for a healthy one', async () => {
    await systemctl.setUnit(unit, { state: 'activating' })
    const health = await service().health()
    assert.equal(health.healthy, false)
    assert.match(health.detail, /shop-api of service "api" is activating \(start\)/)
  })

  it('fails with the result of the unit when its start job fails', async () => {
    await systemctl.setUnit(unit, { state: 'inactive', onStart: 'failed', result: 'oom-kill' })
    await assert.rejects(service().start(), {
      type: 'ServiceUnhealthy',
      message: /unit shop-api of service "api" is failed \(failed, oom-kill\)/,
      hint: /journalctl -u shop-api/,
    })
  })

  it('fails at once when a unit fails while it comes up', async () => {
    await systemctl.setUnit(unit, { state: 'inactive', onStart: 'activating', settlesAs: 'failed', looks: 1 })
    const started = performance.now()
    await assert.rejects(service(unit, 60).start(), { type: 'ServiceUnhealthy', message: /failed, exit-code/ })
    assert.ok(performance.now() - started < 20_000)
  })

  it('starts a unit that had failed before', async () => {
    await systemctl.setUnit(unit, { state: 'failed' })
    assert.equal(await service().observe(), 'stopped')
    await service().start()
    assert.equal(await service().observe(), 'running')
  })

  it('fails with UnknownName for a unit that there is not', async () => {
    for (const call of ['observe', 'start', 'stop', 'health'] as const) {
      await assert.rejects(service('shop-apo')[call](), { type: 'UnknownName', message: /no unit "shop-apo"/ })
    }
  })

  it('fails with what systemctl says when the agent may not start it', async () => {
    await systemctl.setUnit(unit, { state: 'inactive', onStart: 'denied' })
    await assert.rejects(service().start(), { type: 'CommandFailed', message: /authentication required/ })
  })

  it('takes a name that looks like an option for a name', async () => {
    await assert.rejects(service('--force').observe(), { type: 'UnknownName' })
    assert.deepEqual((await systemctl.calls())[0]?.slice(-2), ['--', '--force'])
  })

  it('fails when there is no systemctl on the host', async () => {
    const control = { type: 'systemd' as const, unit }
    const config = { name: 'api', host: 'app1', control, startTimeoutSeconds: 1, stopTimeoutSeconds: 1 }
    const lost = createService(config, { systemctl: `${systemctl.path}-absent` })
    await assert.rejects(lost.observe(), { type: 'CommandFailed', message: /not found/ })
  })

  it('asks the program that MUSTER_SYSTEMCTL names', async () => {
    await systemctl.setUnit(unit, { state: 'active' })
    const before = process.env['MUSTER_SYSTEMCTL']
    process.env['MUSTER_SYSTEMCTL'] = systemctl.path
    try {
      const control = { type: 'systemd' as const, unit }
      const config = { name: 'api', host: 'app1', control, startTimeoutSeconds: 1, stopTimeoutSeconds: 1 }
      assert.equal(await createService(config).observe(), 'running')
    } finally {
      if (before === undefined) delete process.env['MUSTER_SYSTEMCTL']
      else process.env['MUSTER_SYSTEMCTL'] = before
    }
  })
})
