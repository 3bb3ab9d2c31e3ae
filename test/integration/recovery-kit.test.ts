import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { kitReasons } from '../../activities/site/judge-kit.ts'
import type { DoctorFinding } from '../../clients/cli/desk.ts'
import { createAgent } from '../../wiring/agent.ts'
import { examine } from '../../wiring/doctor.ts'
import { keyFiles } from '../../wiring/places.ts'
import { createInstallation, type Installation } from '../support/installation.ts'
import { treeSites, writeSecrets } from '../support/site-of-trees.ts'

describe('recovery kit', function () {
  this.timeout(60_000)
  let installation: Installation

  beforeEach(async () => {
    installation = await createInstallation()
    await writeSecrets(installation.base)
  })
  afterEach(async () => {
    await installation.remove()
  })

  const kitsIn = async (store: string) => (await readdir(join(installation.base, 'stores', store, 'recovery-kits', 'dr'))).sort()
  const apply = async (changes: Parameters<typeof treeSites>[1] = {}) => (await installation.apply(treeSites(installation.base, changes))).kits[0]
  const findings = async (severity: DoctorFinding['severity']) =>
    (await examine(installation.alpha, { system: null }))
      .filter((one) => one.about.startsWith('recovery kit') && one.severity === severity)
      .map(({ message }) => message)

  /** Only what the format page says: no code of ours reads it. */
  function byHand(store: string, name: string): Record<string, string> {
    const { base, beta } = installation
    const file = join(base, 'stores', store, 'recovery-kits', 'dr', name)
    const script = `head -n 1 "$1" | sed 's/.*"sealed":"\\([^"]*\\)".*/\\1/' | base64 -d | age -d -i "$2"`
    const { values } = JSON.parse(execFileSync('sh', ['-c', script, 'sh', file, join(beta.keys, keyFiles.identity)]).toString()) as {
      values: Record<string, string>
    }
    return Object.fromEntries(Object.entries(values).map(([item, value]) => [item, Buffer.from(value, 'base64').toString()]))
  }

  it('is in every store after an apply, and standard tools read it with the identity', async () => {
    const { base, alpha } = installation
    const kit = await apply()
    assert.deepEqual([kit?.site, kit?.lacks, kit?.owed, kit?.stores], ['dr', [], [], ['near', 'offsite']])
    const [name = ''] = await kitsIn('offsite')
    assert.deepEqual(await kitsIn('near'), [name])
    assert.deepEqual(byHand('offsite', name), {
      'env:MUSTER_TEST_KIT': 'from the environment',
      [`file:${base}/secrets/licence`]: 'licence one',
      [`file:${base}/secrets/webhook`]: 'https://hooks.example.com/one\n',
      'key:beta': await readFile(join(alpha.keys, keyFiles.host('beta')), 'utf8'),
      'muster.yaml': await readFile(alpha.configFile, 'utf8'),
    })
    const text = await readFile(join(base, 'stores', 'offsite', 'recovery-kits', 'dr', name), 'utf8')
    for (const secret of ['licence one', 'hooks.example.com', 'from the environment', 'OPENSSH PRIVATE KEY']) assert.ok(!text.includes(secret), secret)
  })

  it('is made again when a value or the configuration has changed, and only then', async () => {
    await apply()
    await apply()
    const [first, ...others] = await kitsIn('offsite')
    assert.deepEqual(others, [])
    await writeFile(join(installation.base, 'secrets', 'licence'), 'licence two')
    assert.deepEqual(
      (await findings('warning')).filter((one) => /changed since/.test(one)),
      [`file:${installation.base}/secrets/licence changed since it was made`],
    )
    await apply()
    const kits = await kitsIn('near')
    assert.equal(kits.length, 2)
    assert.equal(byHand('near', kits.find((name) => name !== first) ?? '')[`file:${installation.base}/secrets/licence`], 'licence two')
    assert.deepEqual(
      (await findings('warning')).filter((one) => /changed since/.test(one)),
      [],
    )
    await apply({ every: 'daily 03:00' })
    assert.equal((await kitsIn('near')).length, 3, 'muster.yaml is part of it')
  })

  it('keeps the key of a host that was taken off this machine since', async () => {
    const { alpha } = installation
    await apply()
    await rename(join(alpha.keys, keyFiles.host('beta')), join(installation.base, 'moved-away'))
    await writeFile(join(installation.base, 'secrets', 'licence'), 'licence two')
    const kit = await apply()
    assert.deepEqual(kit?.lacks, [])
    assert.ok(kit?.holds.includes('key:beta'))
  })

  it('says what it lacks and why, and goes on without it', async () => {
    await rm(join(installation.base, 'secrets', 'licence'))
    delete process.env['MUSTER_TEST_KIT']
    const kit = await apply()
    assert.deepEqual(kit?.lacks, [
      { item: 'env:MUSTER_TEST_KIT', why: 'the variable is not set where muster apply ran' },
      { item: `file:${installation.base}/secrets/licence`, why: `${installation.base}/secrets/licence is not there` },
    ])
    assert.deepEqual(
      (await findings('warning')).map((one) => one.split(':')[0]),
      ['lacks env', 'lacks file'],
    )
  })

  it('counts for the readiness of a failover: that there is none, what it lacks, and that no store has it whole', async () => {
    const { base, alpha } = installation
    const licence = join(base, 'secrets', 'licence')
    const stored = (store: string, name: string) => join(base, 'stores', store, 'recovery-kits', 'dr', name)
    const agent = await createAgent({ places: alpha, host: 'alpha', site: 'primary' })
    const texts = async (site: string | null) => (await kitReasons(agent, (await agent.config(null)).whole, site)).map(({ text }) => text)
    await rm(licence)
    await apply()
    assert.deepEqual([await texts('primary'), await texts(null)], [[], []])
    assert.deepEqual(await texts('dr'), [`a failover to dr is not ready: its recovery kit lacks file:${licence}`])
    // Names of the same second are in no order.
    const [lacking] = await kitsIn('near')
    await writeFile(licence, 'licence one')
    await apply()
    assert.deepEqual(await texts('dr'), [])
    const known = await kitsIn('near')
    const isNew = (name: string) => !known.includes(name)
    const whole = known.find((name) => name !== lacking) ?? ''
    await rm(stored('near', whole))
    assert.deepEqual(await texts('dr'), [], 'one store is enough')
    // Two documents from then on: the key of beta is only in the older one.
    await rename(join(alpha.keys, keyFiles.host('beta')), join(base, 'moved-away'))
    await writeFile(licence, 'licence two')
    await apply()
    await rm(stored('near', whole))
    await rm(stored('offsite', (await kitsIn('offsite')).find(isNew) ?? ''))
    assert.deepEqual(await texts('dr'), ['a failover to dr is not ready: its recovery kit is whole in no store: near, offsite'])
    for (const store of ['near', 'offsite']) await rm(join(base, 'stores', store, 'recovery-kits'), { recursive: true })
    assert.deepEqual(await texts('dr'), ['a failover to dr is not ready: no store has a recovery kit of it'])
  })

  it('is brought to a store that was out, and made anew beside one that was changed', async () => {
    const { base } = installation
    await apply()
    const [name = ''] = await kitsIn('near')
    const stored = join(base, 'stores', 'near', 'recovery-kits', 'dr', name)
    await rm(stored)
    assert.match((await findings('warning')).join(), /is not whole in store near: does not have the newest/)
    assert.deepEqual((await apply())?.owed, [])
    assert.deepEqual(await kitsIn('near'), [name])
    await rm(stored)
    await writeFile(stored, (await readFile(join(base, 'stores', 'offsite', 'recovery-kits', 'dr', name), 'utf8')).replace('"site":"dr"', '"site":"rd"'))
    assert.match((await findings('warning')).join(), /is not whole in store near: the signature of the recovery kit is not of this text/)
  })
})
