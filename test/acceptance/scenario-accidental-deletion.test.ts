import assert from 'node:assert/strict'
import { access } from 'node:fs/promises'
import { memberName, quarantineOf } from '../../activities/host/restore/places.ts'
import { usersOfDataDirectory } from '../../adapters/component/postgresql/directory-users.ts'
import { failures } from '../../domain/failures.ts'
import { createScenarioRig, type ScenarioRig } from '../support/scenario-rig.ts'
import { typedMuster } from '../support/typed-muster.ts'

describe('scenario accidental-deletion: a table is dropped, and nobody knows the second', function () {
  this.timeout(240_000)
  let shop: ScenarioRig

  before(async () => {
    shop = await createScenarioRig('[]')
  })
  after(async () => {
    await shop?.stop()
  })

  const probe = 'select count(*) = 3 from orders'

  it('shows the sequence, what is reachable and what would be lost, and changes nothing', async () => {
    await shop.cluster.sql('insert into orders select generate_series(1, 3)')
    await shop.muster.good('backup', 'shop')
    const at = await shop.moment()
    const plan = JSON.parse(await shop.muster.good('scenario', 'accidental-deletion', 'shop', '--at', at, '--probe', probe, '--plan', '--json'))
    assert.deepEqual(
      plan.steps.map(({ id, temporal }: { id: string; temporal: { type: string } }) => [id, temporal.type]),
      [
        ['store', 'archiveWal'],
        ['find', 'recoverToPointInTime'],
        ['restore', 'recoverToPointInTime'],
      ],
    )
    assert.equal(plan.facts.activeSite, 'primary')
    assert.ok(plan.facts.lossSeconds >= 0 && plan.facts.lossSeconds < 60)
    assert.match(plan.facts.components[0].newestBackup.backup, /-full-/)
    assert.deepEqual(plan.facts.components[0].newestBackup.stores, ['local', 'nas'])
    assert.equal(plan.steps[2].temporal.workflowId, 'target/shop')
    assert.deepEqual(await shop.orders(), [1, 2, 3])
    const withoutTemporal = typedMuster(shop.rig.places, shop.rig.client, { address: '127.0.0.1:1' })
    const text = await withoutTemporal.good('scenario', 'accidental-deletion', 'shop', '--at', at, '--plan')
    assert.match(text, /muster restore shop --component database --to MOMENT/)
    assert.match(text, /workflows\/start-workflow\?workflowId=target%2Fshop&taskQueue=muster&workflowType=recoverToPointInTime/)
  })

  it('finds the last moment at which it was there from a late guess, asks copies, and brings it back in place', async () => {
    const good = await shop.moment()
    await new Promise((resolve) => setTimeout(resolve, 1500))
    await shop.cluster.sql('drop table orders')
    const dropped = await shop.moment()
    await shop.cluster.sql('create table bystander (n int); insert into bystander values (1)')
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const late = await shop.moment()
    await shop.cluster.sql('insert into bystander values (2)')
    const words = ['scenario', 'accidental-deletion', 'shop', '--at', late, '--probe', probe, '--within', '1s', '--yes', '--json']
    const { stdout } = await shop.muster.approved('bob', 0, ...words)
    const [, found, restored] = JSON.parse(stdout).steps
    assert.ok(found.moment.time >= good.slice(0, 19) && found.moment.time < dropped, JSON.stringify(found))
    assert.ok(found.tried.some(({ holds, detail }: { holds: boolean; detail: string }) => !holds && /relation "orders" does not exist/.test(detail)))
    assert.equal(restored.outcome, 'succeeded')
    assert.deepEqual(await shop.orders(), [1, 2, 3])
    assert.deepEqual(await shop.cluster.sql("select to_regclass('bystander') as is"), [{ is: null }])
    const copy = `${shop.cluster.directory}-probe-shop`
    await assert.rejects(access(copy), 'no copy is left')
    assert.deepEqual(await usersOfDataDirectory(copy), [])
    const member = shop.rig.agent.members.describeMember(copy, memberName('shop', 'database', 0, copy), 'none')
    await assert.rejects(access(quarantineOf(member, copy).socketDirectory), 'nor its socket and log')
  })

  it('asks at a terminal: another moment is tried before it counts, and no starts nothing', async () => {
    const early = await shop.moment()
    const at = await shop.moment()
    await shop.cluster.sql('delete from orders')
    const { shown, exitCode } = await shop.muster.atTerminal(
      ['scenario', 'accidental-deletion', 'shop', '--at', at, '--probe', probe],
      [
        [/start it: muster archive-wal shop --component database\? \[yes\/no\]/, 'yes'],
        [/start the search\? \[yes\/no\]/, 'yes'],
        [/go back to .*another moment to try\]/, early],
        [/✓ holds[\s\S]*go back to .*another moment to try\]/, 'yes'],
        [/ask for this plan to be approved, and carry it out\? \[yes\/no\]/, 'no'],
      ],
    )
    assert.equal(exitCode, failures.Cancelled.exitCode, shown)
    assert.match(shown, /called off before "restore"; it was not started/)
    assert.ok(shown.includes(`--to ${early} --from restore`), shown)
    assert.deepEqual(await shop.orders(), [], 'nothing was started')
  })

  it('says what it needs, and lists the others', async () => {
    const [incomplete, breach, unknown, all] = await Promise.all([
      shop.muster.run('scenario', 'accidental-deletion', 'shop', '--yes'),
      shop.muster.run('scenario', 'security-breach', 'shop', '--plan'),
      shop.muster.run('scenario', 'flood', 'shop', '--plan'),
      shop.muster.good('scenario'),
    ])
    assert.equal(incomplete.exitCode, failures.InvalidInput.exitCode)
    assert.match(incomplete.stderr, /needs --at TIME.* and --probe SQL/)
    assert.equal(breach.exitCode, failures.InvalidInput.exitCode)
    assert.match(breach.stderr, /on which hosts\?\n {2}→ say both/)
    assert.equal(unknown.exitCode, failures.UnknownName.exitCode)
    for (const name of [
      'data-centre-loss',
      'natural-disaster',
      'database-corruption',
      'file-system-corruption',
      'application-failure',
      'accidental-deletion',
      'security-breach',
    ])
      assert.match(all, new RegExp(name))
  })
})
