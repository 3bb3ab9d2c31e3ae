import assert from 'node:assert/strict'
import { parseConfig } from '../../config/load.ts'
import { type GuardVerdict, judgeGuard, type StoreAnswer } from '../../domain/guard.ts'
import { asksGuard, dropInPath, dropInText, guardedUnits, unguardedNames } from '../../domain/guard-units.ts'
import type { ControlBody, ControlRecord } from '../../domain/repository-format.ts'

const run = 'target/shop:1'
const site = (name: string, controlIncarnation: number, by?: string): ControlBody => ({ kind: 'site', site: name, controlIncarnation, ...(by && { run: by }) })
const fence = (of: string, by: string): ControlBody => ({
  kind: 'fence',
  run: by,
  site: of,
  proof: { by: 'people', detail: 'seen', at: '2026-11-21T02:00:00.000Z' },
  lives: [],
})
const gap: ControlBody = { kind: 'gap', component: 'database', incarnation: 'old', afterLsn: '0/1', beforeLsn: '0/2', reason: 'x' }

function chain(...bodies: ControlBody[]): readonly ControlRecord[] {
  return bodies.map((body, index) => ({
    format: 'muster-record-1',
    organisation: 'Test',
    system: 'shop',
    sequence: index + 1,
    previous: '',
    at: `2026-11-21T02:00:0${index}.000Z`,
    by: 'db1',
    body,
  }))
}

const home = chain(site('primary', 1), gap)
const moved = chain(site('primary', 1), fence('primary', run), site('dr', 2, run))
const cutOff = chain(site('primary', 1), gap, gap, gap, gap, gap, gap)
const takenBack = chain(site('primary', 1), fence('primary', run), site('dr', 2, run), site('primary', 3, run))

const says = (store: string, outside: boolean, records: readonly ControlRecord[]): StoreAnswer => ({ store, outside, records, problem: null })
const near = (records: readonly ControlRecord[]) => says('near', false, records)
const offsite = (records: readonly ControlRecord[]) => says('offsite', true, records)
const third = (records: readonly ControlRecord[]) => says('third', true, records)
const silent = (store: string, outside: boolean): StoreAnswer => ({
  store,
  outside,
  records: null,
  problem: { type: 'Unreachable', message: `store "${store}" is out` },
})
const lies = (store: string): StoreAnswer => ({
  store,
  outside: true,
  records: null,
  problem: { type: 'SignatureInvalid', message: `store "${store}" was changed` },
})

/** What becomes of a start here, and of what is served here. */
function told(verdict: GuardVerdict): string {
  if (verdict.kind === 'elsewhere') return `elsewhere (${verdict.standing.site}), ${verdict.fence ? 'stop' : 'let run'}`
  return verdict.kind
}

describe('whether a system may be served at a site', () => {
  const rows: readonly [title: string, answers: readonly StoreAnswer[], verdict: string][] = [
    ['every store says that it is here', [near(home), offsite(home)], 'active'],
    ['only a store outside answers, and says that it is here', [silent('near', false), offsite(home)], 'active'],
    ['one of two stores outside answers', [near(home), silent('third', true), offsite(home)], 'active'],
    ['the store at the site alone answers', [near(home), silent('offsite', true)], 'unknown'],
    ['no store answers', [silent('near', false), silent('offsite', true)], 'unknown'],
    ['no store stands outside', [near(home)], 'unknown'],
    ['the store outside holds nothing of it', [near(home), offsite([])], 'unknown'],
    ['the chain of the store outside was tampered with', [near(home), lies('offsite')], 'unknown'],
    ['one store outside lies and another does not', [near(home), lies('offsite'), third(home)], 'active'],
    ['it was moved, and the store outside says so', [near(home), offsite(moved)], 'elsewhere (dr), stop'],
    ['it was moved, and the cut-off site went on writing a longer chain', [near(cutOff), offsite(moved)], 'elsewhere (dr), stop'],
    ['it was moved, and only the store at the site says so', [near(moved), silent('offsite', true)], 'elsewhere (dr), let run'],
    ['it was moved, and the store outside is behind', [near(moved), offsite(home)], 'elsewhere (dr), let run'],
    ['it was moved, and of two stores outside one is behind', [offsite(home), third(moved)], 'elsewhere (dr), stop'],
    ['it was moved, and the other store outside lies', [lies('third'), offsite(moved)], 'elsewhere (dr), stop'],
    ['a record says another site, and none names a fence', [offsite(chain(site('primary', 1), site('dr', 2, run)))], 'elsewhere (dr), let run'],
    ['the fence is of another run', [offsite(chain(site('primary', 1), fence('primary', 'target/shop:0'), site('dr', 2, run)))], 'elsewhere (dr), let run'],
    ['the fence names the other site', [offsite(chain(site('primary', 1), fence('dr', run), site('dr', 2, run)))], 'elsewhere (dr), let run'],
    ['the move was taken back', [near(home), offsite(takenBack)], 'active'],
    ['the move was taken back, and only the site itself knows', [near(takenBack), offsite(moved)], 'unknown'],
    [
      'it came back by another move',
      [offsite(chain(...moved.map(({ body }) => body), fence('dr', 'target/shop:2'), site('primary', 3, 'target/shop:2')))],
      'active',
    ],
    ['no record ever named a site', [offsite(chain(gap))], 'active'],
  ]
  for (const [title, answers, verdict] of rows) {
    it(`is "${verdict}" where ${title}`, () => {
      assert.equal(told(judgeGuard('primary', 'primary', answers)), verdict)
      assert.equal(told(judgeGuard('primary', 'primary', answers.toReversed())), verdict, 'in whatever order they answer')
    })
  }

  describe('on a host under suspicion', () => {
    const suspicion: ControlBody = {
      kind: 'suspicion',
      run: 'target/shop:9',
      since: '2026-11-21T01:00:00.000Z',
      hosts: ['db1'],
      notedAt: '2026-11-21T02:00:01.000Z',
    }
    const lifted: ControlBody = { kind: 'suspicion-lifted', run: 'target/shop:9', by: 'alice', reason: 'the auditors' }
    const judged = (records: readonly ControlRecord[], host = 'db1') => told(judgeGuard('primary', 'primary', [offsite(records)], host))
    const signedBy = (records: readonly ControlRecord[], by: string) => records.map((one) => (one.body.kind === 'suspicion-lifted' ? { ...one, by } : one))

    it('is isolated, and no other host is', () => {
      assert.equal(judged(chain(site('primary', 1), suspicion)), 'isolated')
      assert.equal(judged(chain(site('primary', 1), suspicion), 'db2'), 'active')
    })

    it('stops what runs only where a store outside says so too', () => {
      const isolated = chain(site('primary', 1), suspicion)
      const fenceOf = (answers: readonly StoreAnswer[]) => {
        const verdict = judgeGuard('primary', 'primary', answers, 'db1')
        return verdict.kind === 'isolated' ? verdict.fence?.run : verdict.kind
      }
      assert.equal(fenceOf([near(isolated), offsite(isolated)]), 'target/shop:9')
      assert.equal(fenceOf([near(isolated), silent('offsite', true)]), undefined)
    })

    it('stays isolated where the move is taken back, and not where another run brings the system home', () => {
      const away = [site('primary', 1), suspicion, fence('primary', run), site('dr', 2, run)]
      assert.equal(judged(chain(...away)), 'elsewhere (dr), stop')
      assert.equal(judged(chain(...away, site('primary', 3, run))), 'isolated')
      assert.equal(judged(chain(...away, fence('dr', 'target/shop:2'), site('primary', 3, 'target/shop:2'))), 'active')
    })

    it('is free again when the control key lifts it, and not when its own key says so', () => {
      const records = chain(site('primary', 1), suspicion, lifted)
      assert.equal(judged(signedBy(records, 'control')), 'active')
      assert.equal(judged(signedBy(records, 'db1')), 'isolated')
    })
  })

  it('says since when, and by which run, it is elsewhere', () => {
    const verdict = judgeGuard('primary', 'primary', [offsite(moved)])
    assert.deepEqual(verdict.standing, { site: 'dr', controlIncarnation: 2, since: '2026-11-21T02:00:02.000Z', run })
  })

  it('says of each store outside why it could not tell', () => {
    const verdict = judgeGuard('primary', 'primary', [near(takenBack), offsite(moved), silent('third', true), says('fourth', true, [])])
    assert.ok(verdict.kind === 'unknown')
    assert.deepEqual(
      verdict.problems.map(({ message }) => message),
      [
        'store "offsite" is behind: it says site "dr" by move 2, and move 3 is known here',
        'store "third" is out',
        'store "fourth" holds no record of this system',
      ],
    )
  })
})

describe('what systemd asks', () => {
  const { config } = parseConfig(
    `
organisation: Test
sites: { primary: { hosts: [db1, app1] }, dr: { hosts: [dr1] } }
stores: { offsite: { type: directory, path: /mnt/offsite, hosts: [db1, app1, dr1], site: dr, host: dr1 } }
encryption: { restoreHosts: [db1, dr1] }
systems:
  shop:
    components:
      database: { type: postgresql, host: db1, dataDirectory: /srv/pg, server: { control: systemd, unit: postgresql@15-main } }
    services:
      web: { type: systemd, unit: shop-web.service, host: app1 }
      jobs: { type: command, host: app1, start: [/srv/jobs, start], stop: [/srv/jobs, stop], status: [/srv/jobs, status] }
    failover: { to: dr, components: { database: { server: { control: pg_ctl } } } }
`,
    'muster.yaml',
    { recipients: ['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'] },
  )

  it('is asked for each unit of a host, as the system is at its site', () => {
    assert.deepEqual(guardedUnits(config, 'shop', 'db1', 'primary'), [{ unit: 'postgresql@15-main.service', serves: 'database' }])
    assert.deepEqual(guardedUnits(config, 'shop', 'app1', 'primary'), [{ unit: 'shop-web.service', serves: 'web' }])
    assert.deepEqual(unguardedNames(config, 'shop', 'app1', 'primary'), ['jobs'])
    assert.ok(unguardedNames(config, 'shop', 'dr1', 'dr').includes('database'))
  })

  it('is told in a drop-in that survives spaces, specifiers and variables in paths', () => {
    assert.equal(dropInPath('shop-web.service'), '/etc/systemd/system/shop-web.service.d/50-muster-guard.conf')
    assert.equal(
      dropInText(['/usr/bin/env', 'MUSTER_HOME=/srv/my state', '/opt/100%/$x', 'guard', 'shop']),
      '[Service]\nExecStartPre=+/usr/bin/env "MUSTER_HOME=/srv/my state" /opt/100%%/$$x guard shop\n',
    )
  })

  it('is recognised in what systemd shows, for the right system only', () => {
    const shown = 'ExecStartPre={ path=/usr/bin/env ; argv[]=/usr/bin/env MUSTER_HOME=/srv muster guard shop --host db1 ; ignore_errors=no }\nExecCondition='
    assert.ok(asksGuard(shown, 'shop'))
    assert.ok(!asksGuard(shown, 'shopping'))
    assert.ok(!asksGuard('ExecStartPre={ path=/bin/true ; argv[]=/bin/true ; }', 'shop'))
  })
})
