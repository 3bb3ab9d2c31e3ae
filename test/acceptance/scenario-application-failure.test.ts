import assert from 'node:assert/strict'
import { access, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createScenarioRig, type ScenarioRig } from '../support/scenario-rig.ts'

describe('scenario application-failure: a release does not work, and the data are well', function () {
  this.timeout(180_000)
  let shop: ScenarioRig
  const file = (name: string) => join(shop.uploads, name)

  before(async () => {
    shop = await createScenarioRig('[]')
    await shop.cluster.sql('insert into orders values (1)')
    await shop.muster.good('backup', 'shop')
  })
  after(async () => {
    await shop?.stop()
  })

  it('goes back to the files of before the release, though a backup of the broken ones is newer, and keeps the data', async () => {
    const before = await shop.moment()
    await writeFile(file('release.txt'), 'broken')
    await writeFile(file('plugin.txt'), 'of the new release')
    await shop.muster.good('backup', 'shop', '--component', 'uploads')
    await shop.cluster.sql('insert into orders values (2)')
    const words = ['scenario', 'application-failure', 'shop', '--at', before]
    const plan = JSON.parse(await shop.muster.good(...words, '--plan', '--json'))
    assert.equal(plan.steps[1].command, `muster restore shop --component uploads --to ${plan.steps[1].temporal.input.to.time} --newer-files discard`)
    const { stdout } = await shop.muster.approved('bob', 0, ...words, '--yes', '--json')
    const [proved, restored] = JSON.parse(stdout).steps
    assert.deepEqual([proved.id, proved.outcome, restored.id, restored.outcome], ['prove', 'succeeded', 'restore', 'succeeded'])
    assert.equal(await readFile(file('release.txt'), 'utf8'), 'working')
    await assert.rejects(access(file('plugin.txt')), 'nothing of the new release is left among the old files')
    assert.deepEqual(await shop.orders(), [1, 2])
    assert.equal(await readFile(join(shop.rig.base, 'service.running'), 'utf8'), 'running\n', 'the service was started again')
  })
})
