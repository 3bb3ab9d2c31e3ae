/** A change of a DNS record whose worker dies, or freezes and comes back when everything is over. */
import assert from 'node:assert/strict'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DnsChanged } from '../../activities/site/dns/change-dns.ts'
import { addresses, attemptsOf, createDnsRig, type DnsRig, resultOf } from '../support/dns-rig.ts'
import { type DnsWorker, spawnDnsWorker } from '../support/faults/dns-worker-process.ts'
import { waitFor, workflowBundle } from '../support/rig.ts'

const app = 'app.kennel.example.'
const record = `${app} A`

describe('a change of DNS whose worker is lost', function () {
  this.timeout(120_000)
  let dns: DnsRig
  const workers: DnsWorker[] = []

  before(async () => {
    dns = await createDnsRig({ withWorkers: false })
    await writeFile(join(dns.rig.base, 'bundle.js'), (await workflowBundle()).code)
  })
  after(() => dns?.stop())

  beforeEach(() => dns.zone.put(app, 'A', 60, [addresses.primary]))
  afterEach(async () => {
    for (const worker of workers.splice(0)) await worker.end()
  })

  /** @param hostDirectory of another host; null for this one */
  const startWorker = async (fault = '', hostDirectory: string | null = null): Promise<DnsWorker> => {
    const { rig, env } = dns
    const order = {
      places: rig.places,
      address: env.connection.options.address,
      bundlePath: join(rig.base, 'bundle.js'),
      ...(hostDirectory && { hostDirectory }),
    }
    const worker = await spawnDnsWorker(JSON.stringify(order), fault)
    workers.push(worker)
    return worker
  }
  const changing = () => dns.start('changeDns', { record, expected: dns.before(app) })
  const held = async () => (await dns.zone.held(app, 'A')).map((line) => line.split(' ')[4])
  const isStopped = async ({ process: { pid } }: DnsWorker) => /^State:\s+T/m.test(await readFile(`/proc/${pid}/status`, 'utf8'))

  it('after it was made and before that was told is made once, and told by the next attempt', async () => {
    const serial = await dns.zone.serial()
    const [first, second] = [await startWorker('changeDns:effect'), await startWorker()]
    await first.go()
    const handle = await changing()
    assert.equal(await first.ended, 'SIGKILL')
    await second.go()
    const { outcome, detail } = await resultOf<DnsChanged>(handle)
    assert.equal(outcome, 'changed')
    assert.match(detail, /was there already.*where this step had begun to put it/)
    // On a busy machine the next one may be missed for a moment too.
    assert.ok((await attemptsOf(handle)) >= 2)
    assert.deepEqual(await held(), [addresses.dr])
    assert.equal(await dns.zone.serial(), serial + 1)
  })

  it('before it was asked for is made by the next attempt', async () => {
    const [first, second] = [await startWorker('changeDns:running'), await startWorker()]
    await first.go()
    const handle = await changing()
    assert.equal(await first.ended, 'SIGKILL')
    await second.go()
    assert.equal((await resultOf<DnsChanged>(handle)).outcome, 'changed')
    assert.deepEqual(await held(), [addresses.dr])
  })

  for (const other of [false, true]) {
    it(`by SIGSTOP past its heartbeat is not made when it comes back after a failback${other ? ', also where another host had taken over' : ''}`, async () => {
      const directory = join(dns.rig.base, 'other-host')
      if (other) await cp(dns.rig.agent.hostDirectory, directory, { recursive: true })
      const [frozen, second] = [await startWorker('changeDns:request'), await startWorker('', other ? directory : null)]
      await frozen.go()
      const handle = await changing()
      await waitFor('the worker to freeze', () => isStopped(frozen))
      await second.go()
      assert.equal((await resultOf<DnsChanged>(handle)).outcome, 'changed')
      assert.deepEqual(await held(), [addresses.dr])
      const back = await dns.run('changeDns', { record, expected: { ...dns.before(app), values: [addresses.dr] }, toSite: 'primary' })
      assert.equal(back.outcome, 'changed')
      const serial = await dns.zone.serial()
      frozen.process.kill('SIGCONT')
      await sleep(3000)
      assert.equal(frozen.process.exitCode, null)
      assert.deepEqual(await held(), [addresses.primary])
      assert.equal(await dns.zone.serial(), serial)
    })
  }
})
