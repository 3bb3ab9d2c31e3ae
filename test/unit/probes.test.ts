import assert from 'node:assert/strict'
import { countVerdict, type ProbeRecord, type ProbeVerdict, reasonOf, type Sighting, verdictOf, watchingSite, withTimes } from '../../domain/probes.ts'
import { parseConfig } from '../../config/load.ts'
import { wantedSchedules } from '../../clients/schedules.ts'
import { placedSystem } from '../../domain/placement.ts'
import { failsWith } from '../support/fails-with.ts'

const at = (minute: number) => new Date(Date.UTC(2026, 10, 21, 0, minute)).toISOString()
const rule = { quorum: 2, failures: 3, everySeconds: 60 }

describe('what several vantage points see together', () => {
  const verdict = (...sees: readonly Sighting['sees'][]) =>
    verdictOf(
      sees.map((one) => ({ sees: one })),
      2,
    )

  it('is a loss only by quorum of those that look', () => {
    assert.equal(verdict('down', 'down', 'up'), 'lost')
    assert.equal(verdict('down', 'down', 'unknown'), 'lost')
    assert.equal(verdict('down', 'up', 'up'), 'disputed')
    assert.equal(verdict('down', 'up', 'unknown'), 'disputed')
    assert.equal(verdict('up', 'up', 'unknown'), 'reachable')
  })

  it('is not known where too few answer: who does not answer has seen nothing, neither good nor bad', () => {
    assert.equal(verdict('down', 'unknown', 'unknown'), 'unknown')
    assert.equal(verdict('up', 'unknown', 'unknown'), 'unknown')
    assert.equal(verdict('unknown', 'unknown', 'unknown'), 'unknown')
  })

  it('has since when each one sees so', () => {
    const first = withTimes([], [{ host: 'dr1', sees: 'down', detail: 'refuses' }], at(1))
    assert.equal(withTimes(first, [{ host: 'dr1', sees: 'down', detail: 'times out' }], at(5))[0]?.since, at(1))
    assert.equal(withTimes(first, [{ host: 'dr1', sees: 'up', detail: '' }], at(5))[0]?.since, at(5))
  })
})

describe('a verdict over several runs', () => {
  /** One run a minute. @returns minutes and what began to stand */
  function run(verdicts: readonly ProbeVerdict[], start = 0, before: ProbeRecord | null = null) {
    const changes: [number, ProbeRecord['standing']][] = []
    let record = before
    for (const [index, verdict] of verdicts.entries()) {
      const minute = start + index
      const counted = countVerdict(record, verdict, rule, at(minute))
      if (counted.standing !== (record?.standing ?? null)) changes.push([minute, counted.standing])
      record = { at: at(minute), sightings: [], told: [], preparedAt: null, active: 'primary', ...counted }
    }
    return { changes, record }
  }
  const times = (count: number, verdict: ProbeVerdict) => Array.from({ length: count }, () => verdict)

  it('is told after three in a row, and not of one bad minute', () => {
    assert.deepEqual(run(['lost', 'lost', 'reachable', 'lost', 'lost']).changes, [])
    assert.deepEqual(run(['reachable', 'lost', 'lost', 'lost', 'lost']).changes, [[3, 'lost']])
  })

  it('is over after three good ones', () => {
    assert.deepEqual(run([...times(3, 'lost'), 'reachable', 'reachable', 'lost', ...times(3, 'reachable')]).changes, [
      [2, 'lost'],
      [8, null],
    ])
  })

  it('of what comes and goes has to be good twice as long each time, so that nobody is told with every turn', () => {
    const turn = [...times(3, 'lost'), ...times(3, 'reachable')]
    const { changes } = run(Array.from({ length: 20 }, () => turn).flat())
    // Over once; then it has to be good for six minutes and never is.
    assert.deepEqual(changes, [
      [2, 'lost'],
      [5, null],
      [8, 'lost'],
    ])
  })

  it('does not end a loss because nobody can tell any more', () => {
    assert.deepEqual(run([...times(3, 'lost'), ...times(9, 'unknown')]).changes, [[2, 'lost']])
    assert.deepEqual(run([...times(3, 'lost'), ...times(9, 'unknown'), ...times(3, 'reachable')]).changes, [
      [2, 'lost'],
      [14, null],
    ])
  })

  it('of a dispute becomes a loss without delay', () => {
    assert.deepEqual(run([...times(4, 'disputed'), ...times(3, 'lost')]).changes, [
      [2, 'disputed'],
      [6, 'lost'],
    ])
  })

  it('does not bridge a time in which nobody looked', () => {
    const { record } = run(['lost', 'lost'])
    assert.equal(countVerdict(record, 'lost', rule, at(30)).runs, 1)
    assert.equal(countVerdict(record, 'lost', rule, at(3)).runs, 3)
    assert.equal(countVerdict(null, 'lost', rule, at(3)).standing, null, 'what was lost with Temporal is counted anew')
  })

  it('names who sees what since when, and the command that a person starts', () => {
    const sightings: readonly Sighting[] = [
      { host: 'dr1', sees: 'down', detail: 'refuses connections', since: at(1) },
      { host: 'office1', sees: 'unknown', detail: 'no agent took the step', since: at(2) },
    ]
    const record = { standing: 'lost', verdict: 'lost', sightings, since: at(1), at: at(3) } as const
    const reason = reasonOf(record, { system: 'shop', quorum: 2, to: 'dr', check: 'service web' })
    assert.deepEqual([reason?.word, reason?.next], ['not protected', 'muster failover shop'])
    assert.equal(
      reason?.text,
      `service web cannot be reached from 1 of 2 vantage points since ${at(1)}: dr1 does not reach it since ${at(1)} (refuses connections); office1 does not answer since ${at(2)} (no agent took the step)`,
    )
    assert.equal(reasonOf({ ...record, standing: null }, { system: 'shop', quorum: 2, to: 'dr', check: 'service web' }), null)
  })
})

describe('probes in muster.yaml', () => {
  const yaml = (probes: string, health = 'tcp: "192.0.2.7:443"') => `organisation: Kennel
sites: { primary: { hosts: [app1] }, dr: { hosts: [dr1, dr2] }, office: { hosts: [office1] } }
stores: { offsite: { type: directory, path: /srv/muster, hosts: [app1, dr1], site: dr, host: dr1 } }
encryption: { restoreHosts: [app1, dr1] }
systems:
  shop:
    components: { uploads: { type: files, host: app1, paths: [/srv/shop] } }
    services: { web: { type: systemd, host: app1, unit: web, health: { ${health} } } }
    failover: { to: dr, components: { uploads: { host: dr1 } }, services: { web: { type: systemd, host: dr1, unit: web, health: { tcp: "198.51.100.7:443" } } } }
    probes: ${probes}
`
  const parse = (probes: string, health?: string) =>
    parseConfig(yaml(probes, health), 'muster.yaml', { recipients: [`age1${'q'.repeat(58)}`], home: '/opt/ops', now: new Date('2026-11-21T00:00:00Z') })

  it('get the smallest majority, a minute and three failures', () => {
    const { config } = parse('{ from: [dr1, dr2, office1], check: { service: web } }')
    assert.deepEqual(config.systems['shop']?.probes, { from: ['dr1', 'dr2', 'office1'], everySeconds: 60, quorum: 2, failures: 3, check: { service: 'web' } })
    assert.deepEqual(parse('{ from: [dr1, app1], check: { http: "https://shop.example" } }').config.systems['shop']?.probes?.check, {
      http: 'https://shop.example',
      expectStatus: 200,
    })
  })

  it('are refused where they could be wrong: no majority, nobody there, an address that only the machine itself reaches', () => {
    const refused = (message: RegExp, probes: string, health?: string) => assert.throws(() => parse(probes, health), failsWith('ConfigInvalid', message))
    refused(
      /muster\.yaml:10:\d+ must be more than half of the 4 vantage points, at least 3/,
      '{ from: [dr1, dr2, office1, app1], quorum: 2, check: { service: web } }',
    )
    refused(/is 4, and there are 2/, '{ from: [dr1, dr2], quorum: 4, check: { service: web } }')
    refused(/there is no host "dr9"/, '{ from: [dr1, dr9], check: { service: web } }')
    refused(/host "dr1" is listed twice/, '{ from: [dr1, dr1], check: { service: web } }')
    refused(/there is no service "api" at home/, '{ from: [dr1, dr2], check: { service: api } }')
    refused(/asks the machine itself \(127\.0\.0\.1\)/, '{ from: [dr1, dr2], check: { service: web } }', 'http: "http://127.0.0.1:8080/"')
    refused(/has no health check by http or tcp/, '{ from: [dr1, dr2], check: { service: web } }', 'command: [/bin/true]')
    refused(/needs exactly one of service, http and tcp/, '{ from: [dr1, dr2], check: {} }')
  })

  it('warn where the loss of the site could not be seen', () => {
    assert.match(
      parse('{ from: [app1, dr1], check: { service: web } }').warnings.join(),
      /1 of its vantage points are outside of site primary and the quorum is 2/,
    )
    assert.doesNotMatch(parse('{ from: [dr1, office1], check: { service: web } }').warnings.join(), /vantage/)
  })

  it('are a schedule only where configured, at a site that is not lost with the system, wherever that is', () => {
    const { config } = parse('{ from: [app1, dr1, office1], every: 30s, check: { service: web } }')
    const wanted = wantedSchedules(config, 'a'.repeat(64)).filter(({ workflowType }) => workflowType === 'probeSystem')
    assert.deepEqual(
      wanted.map(({ id, every, site }) => [id, every, site]),
      [['muster/kennel/shop/probe-system', '30s', 'office']],
    )
    assert.equal(watchingSite(config, 'shop', 'dr'), 'office')
    const moved = wantedSchedules(placedSystem(config, 'shop', 'dr'), 'a'.repeat(64), config).find(({ workflowType }) => workflowType === 'probeSystem')
    assert.equal(moved?.site, 'office')
    const alone = parse('{ from: [app1, dr1], every: 30s, check: { service: web } }').config
    assert.equal(watchingSite(alone, 'shop', 'primary'), 'dr')
    assert.equal(watchingSite(alone, 'shop', 'dr'), 'dr', 'home was lost: nobody there would look')
  })
})
