import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { createService } from '../../adapters/service/create.ts'
import type { ServiceAdapter } from '../../adapters/service/service.ts'
import { createDockerStandIn, type DockerStandIn } from '../support/docker-stand-in.ts'

describe('a service of a compose project', () => {
  const file = '/srv/shop/compose.yml'
  let docker: DockerStandIn

  beforeEach(async () => {
    docker = await createDockerStandIn()
  })
  afterEach(() => docker.remove())

  function service(name = 'api', project?: string, seconds = 20): ServiceAdapter {
    const control = { type: 'compose' as const, file, service: name, ...(project && { project }) }
    return createService({ name: 'web', host: 'app1', control, startTimeoutSeconds: seconds, stopTimeoutSeconds: seconds }, { docker: docker.path })
  }

  it('asks for exactly this service of this file and project, without what it depends on', async () => {
    await docker.setService('api', { state: 'none' })
    await service('api', 'shop').start()
    const place = ['compose', '--file', file, '--project-name', 'shop']
    const look = [...place, 'ps', '--all', '--format', 'json', 'api']
    assert.deepEqual(await docker.calls(), [look, [...place, 'up', '--detach', '--no-deps', 'api'], look])
    await service('api').stop()
    assert.deepEqual((await docker.calls()).at(-2), ['compose', '--file', file, 'stop', '--timeout', '20', 'api'])
  })

  it('never takes a container that is paused or starts again and again for a stopped one, nor for a healthy one', async () => {
    for (const state of ['paused', 'restarting', 'removing']) {
      await docker.setService('api', { state })
      assert.equal(await service().observe(), 'running')
      const { healthy, detail } = await service().health()
      assert.equal(healthy, false)
      assert.equal(detail, `service "web" (api of ${file}): shop-api-1 is ${state}`)
    }
  })

  it('is up only when its own health check says so', async () => {
    await docker.setService('api', { state: 'running', health: 'unhealthy' })
    assert.match((await service().health()).detail, /shop-api-1 is running \(unhealthy\)/)
    await assert.rejects(service('api', undefined, 2).start(), {
      type: 'ServiceUnhealthy',
      message: /running \(unhealthy\) after it was started/,
      hint: /logs api/,
    })
    await docker.setService('api', { state: 'running', health: 'healthy' })
    assert.equal((await service().health()).healthy, true)
  })

  it('fails at once where its container ends', async () => {
    await docker.setService('api', { state: 'none', onUp: 'exited', exitCode: 3 })
    await assert.rejects(service().start(), { type: 'ServiceUnhealthy', message: /shop-api-1 is exited \(code 3\) after it was started/ })
  })

  it('reads the list that older releases print', async () => {
    await docker.setService('api', { state: 'running' })
    await writeFile(
      docker.path,
      `#!/bin/sh\necho '[{"Name":"shop-api-1","State":"running","Health":""},{"Name":"shop-api-2","State":"exited","ExitCode":1}]'\n`,
    )
    assert.equal(await service().observe(), 'running')
    assert.equal((await service().health()).healthy, false)
  })

  it('never takes words that it cannot read for a stopped service', async () => {
    await docker.setService('api', { state: 'running' })
    await writeFile(docker.path, '#!/bin/sh\necho NAME STATE\n')
    await assert.rejects(service().observe(), { type: 'CommandFailed', message: /nothing that can be read/ })
  })

  it('names a service that the project does not have, and a docker without compose', async () => {
    await assert.rejects(service('spi').observe(), { type: 'UnknownName', message: /compose.yml has no service "spi"/, hint: /config --services/ })
    await writeFile(docker.path, `#!/bin/sh\necho "docker: 'compose' is not a docker command." >&2\nexit 1\n`)
    await assert.rejects(service().observe(), { type: 'PreconditionFailed', message: /has no compose/ })
  })
})
