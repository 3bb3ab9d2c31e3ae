import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { goOffline } from '../../wiring/offline.ts'
import { openRepository } from '../../wiring/open-repository.ts'
import { keyFiles, type Places } from '../../wiring/places.ts'
import { pinnedFingerprint } from '../../wiring/trust.ts'
import { upHere, useTemporalHere } from '../../wiring/up-here.ts'
import { failsWith } from '../support/fails-with.ts'
import { createInstallation, type Installation } from '../support/installation.ts'
import { freePort } from '../support/postgres-cluster.ts'
import { startTemporal } from '../support/rig.ts'
import { treeSites, writeSecrets } from '../support/site-of-trees.ts'

describe('--offline', function () {
  this.timeout(60_000)
  let installation: Installation
  let dr: Places
  let env: TestWorkflowEnvironment | null = null
  const address = process.env['TEMPORAL_ADDRESS']
  const said: string[] = []
  const warned: string[] = []

  before(async () => {
    installation = await createInstallation()
    const { base, alpha, beta } = installation
    await writeSecrets(base)
    await installation.apply(treeSites(base))
    dr = { configFile: join(base, 'dr', 'muster.yaml'), home: join(base, 'dr', 'home'), keys: join(base, 'dr', 'keys') }
    await openRepository(dr, {
      store: join(base, 'stores', 'offsite'),
      rootFingerprint: await pinnedFingerprint(alpha),
      identityFile: join(beta.keys, keyFiles.identity),
      host: null,
      withoutKit: false,
      acceptOlder: false,
      dryRun: false,
      onProgress: () => undefined,
    })
  })
  afterEach(async () => {
    if (address === undefined) delete process.env['TEMPORAL_ADDRESS']
    else process.env['TEMPORAL_ADDRESS'] = address
    await env?.teardown()
    env = null
  })
  after(async () => {
    await installation.remove()
  })

  const go = async (changes: Partial<Parameters<typeof goOffline>[1]> = {}) =>
    goOffline(dr, {
      goesTo: 'dr',
      port: await freePort(),
      uiPort: await freePort(),
      listen: '127.0.0.1',
      say: (text) => said.push(text),
      warn: (text) => warned.push(text),
      by: 'alice',
      ...changes,
    })

  it('is refused at a site to which the system does not go', async () => {
    await assert.rejects(go({ goesTo: 'primary' }), failsWith('InvalidInput', /this machine is host beta at site "dr"; the system would go to "primary"/))
    assert.deepEqual(said, [])
  })

  it('is refused where the Temporal that is configured answers', async () => {
    env = await startTemporal()
    process.env['TEMPORAL_ADDRESS'] = env.address
    await assert.rejects(go(), failsWith('PreconditionFailed', /Temporal answers at .*: a failover can be run there/))
    assert.deepEqual(said, [])
  })

  it('says what its log says where it cannot start', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const facts = taken.address()
    const port = typeof facts === 'object' && facts !== null ? facts.port : assert.fail('no port')
    try {
      await assert.rejects(go({ port }), failsWith('TemporalUnreachable', new RegExp(`port ${port}, wanted for Temporal, is taken`)))
      assert.equal(await upHere(dr), null)
    } finally {
      await new Promise((resolve) => taken.close(resolve))
    }
  })

  it('leaves a Temporal that is named alone, and knows of none where nothing runs', async () => {
    const named: NodeJS.ProcessEnv = { TEMPORAL_ADDRESS: 'temporal.example.com:7233' }
    useTemporalHere(dr, named)
    assert.equal(named['TEMPORAL_ADDRESS'], 'temporal.example.com:7233')
    const none: NodeJS.ProcessEnv = {}
    await mkdir(dr.home, { recursive: true })
    useTemporalHere(dr, none)
    assert.deepEqual(none, {})
  })
})
