import assert from 'node:assert/strict'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { failures } from '../../domain/failures.ts'
import { createScenarioRig, type ScenarioRig } from '../support/scenario-rig.ts'

describe('scenario file-system-corruption: files are garbage or gone, the database is well', function () {
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

  it('proves the backup in a drill, brings the tree back, and takes along what is newer than the backup', async () => {
    await writeFile(file('new.txt'), 'written after the backup')
    await shop.cluster.sql('insert into orders values (2)')
    await writeFile(file('logo.txt'), Buffer.alloc(64, 0xff))
    await rm(file('release.txt'))
    const { stdout } = await shop.muster.approved('bob', 0, 'scenario', 'file-system-corruption', 'shop', '--yes', '--json')
    assert.deepEqual(
      JSON.parse(stdout).steps.map(({ id, outcome }: { id: string; outcome: string }) => [id, outcome]),
      [
        ['prove', 'succeeded'],
        ['restore', 'succeeded'],
      ],
    )
    assert.equal(await readFile(file('logo.txt'), 'utf8'), 'first')
    assert.equal(await readFile(file('release.txt'), 'utf8'), 'working')
    assert.equal(await readFile(file('new.txt'), 'utf8'), 'written after the backup')
    assert.deepEqual(await shop.orders(), [1, 2], 'the database stays as it was')
  })

  it('stops where there is no backup from before the damage, and leaves databases to their own scenario: nothing is touched', async () => {
    await writeFile(file('logo.txt'), 'kept')
    const refused = await shop.muster.run('scenario', 'file-system-corruption', 'shop', '--component', 'database', '--plan')
    assert.equal(refused.exitCode, failures.InvalidInput.exitCode)
    assert.match(refused.stderr, /shop\/database is no tree; trees are: uploads\n {2}→ .*muster scenario database-corruption shop/)
    const early = await shop.muster.run('scenario', 'file-system-corruption', 'shop', '--at', '2020-01-01', '--yes')
    assert.equal(early.exitCode, failures.InvalidInput.exitCode, 'a day is no time')
    const before = await shop.muster.run('scenario', 'file-system-corruption', 'shop', '--at', '2020-01-01 00:00', '--yes')
    assert.equal(before.exitCode, failures.RecoveryTargetUnreachable.exitCode, before.stderr)
    assert.match(before.stderr, /stopped at "prove": there is no backup of shop\/uploads[\s\S]*--from prove --yes/)
    assert.equal(await readFile(file('logo.txt'), 'utf8'), 'kept')
  })
})
