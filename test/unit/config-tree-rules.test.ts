import assert from 'node:assert/strict'
import { configText } from '../../config/canonical.ts'
import { parseConfig } from '../../config/load.ts'
import { MusterError } from '../../domain/failures.ts'

const recipient = 'age1u60ngfeu5knp89axr3dlplfdtd64xpa7tw3957lzssnl5zkt3gfq0f9vwu'
const moves = 'failover: { to: dr, components: { app: { paths: [/etc/shop, /srv/shop] } } }'

function yaml(restore: string, { failover = moves, paths = '[/etc/shop, /opt/shop]' } = {}): string {
  return `organisation: Test
sites: { primary: { hosts: [alpha] }, dr: { hosts: [beta] } }
stores:
  offsite: { type: directory, path: /srv/store, hosts: [alpha, beta], site: dr, host: beta }
encryption: { identity: "file:/etc/muster/identity.txt", restoreHosts: [alpha, beta] }
systems:
  shop:
    components:
      app:
        type: files
        host: alpha
        paths: ${paths}
        restore: ${restore}
    backups: [{ components: all, kind: full, every: "daily 02:00" }]
    ${failover}
`
}

const parse = (text: string) => parseConfig(text, 'muster.yaml', { recipients: [recipient], home: '/opt/ops', now: new Date('2026-11-21T10:00:00Z') })

function restoreOf(text: string): unknown {
  const component = parse(text).config.systems['shop']?.components['app']
  return component?.type === 'files' ? component.restore : null
}

function refused(text: string): string {
  try {
    parse(text)
  } catch (error) {
    assert.ok(error instanceof MusterError)
    return error.message
  }
  return assert.fail('it was accepted')
}

describe('restore rules in muster.yaml', () => {
  it('leave no trace in a configuration that has none, so that what was signed stays what it is', () => {
    assert.deepEqual(restoreOf(yaml('{}')), { after: [] })
    assert.equal(
      configText(parse(yaml('{ here: all, elsewhere: all, never: [], neverDefaults: yes, substitute: [] }')).config),
      configText(parse(yaml('{}')).config),
    )
  })

  it('are kept as written, at both sites', () => {
    const text = yaml(
      '{ here: [conf], elsewhere: ["/opt/shop", "*.env"], never: [host.conf], neverDefaults: no, substitute: [{ files: ["*.env"], replace: a, with: b }] }',
    )
    const rules = {
      after: [],
      here: ['conf'],
      elsewhere: ['/opt/shop', '*.env'],
      never: ['host.conf'],
      neverDefaults: false,
      substitute: [{ files: ['*.env'], replace: 'a', with: 'b' }],
    }
    assert.deepEqual(restoreOf(text), rules)
    const there = parse(text).config.systems['shop']?.failover?.components['app']
    assert.deepEqual(there?.type === 'files' && there.restore, rules)
  })

  const wrong: readonly (readonly [string, string, RegExp])[] = [
    ['an empty list', '{ here: [] }', /^muster\.yaml:13:20 here needs at least one item$/],
    ['neither all nor a list', '{ elsewhere: some }', /^muster\.yaml:13:\d+ elsewhere must be all, or a list of patterns$/],
    ['an unknown key', '{ nevr: [x] }', /unknown key "nevr"; did you mean "never"\?$/],
    [
      'a path outside of the trees',
      '{ never: [x, /etc/nginx] }',
      /^muster\.yaml:13:\d+ \/etc\/nginx can match nothing: the trees are \/etc\/shop, \/opt\/shop, \/srv\/shop; write a path inside/,
    ],
    ['a file outside of the trees', '{ substitute: [{ files: [/usr/a.env], replace: a, with: b }] }', /\/usr\/a\.env can match nothing/],
    ['the same text twice', '{ substitute: [{ files: [x], replace: a, with: a }] }', /is the same text as replace; write what stands there at the other site$/],
    ['an empty text', '{ substitute: [{ files: [x], replace: "", with: b }] }', /replace: is empty/],
    ['text of two lines', '{ substitute: [{ files: [x], replace: "a\\nb", with: b }] }', /must be one line of text/],
    [
      'one text that would become two on the way back',
      '{ substitute: [{ files: [x], replace: a, with: c }, { files: [x, y], replace: b, with: c }] }',
      /"c" stands in rule 1 as well, and both are for \/etc\/shop\/x: that one by x, this one by x; one text would become two; give each text files of its own$/,
    ],
    [
      'patterns of which both take a file, where one text would become two',
      '{ substitute: [{ files: ["*.env"], replace: a, with: b }, { files: [y, "conf/**"], replace: a, with: c }] }',
      /"a" stands in rule 1 as well, and both are for \/etc\/shop\/conf\/\.env: that one by \*\.env, this one by conf\/\*\*; one text would become two/,
    ],
    [
      'the same at the other site, by its whole path',
      '{ substitute: [{ files: ["/srv/shop/*.env"], replace: a, with: b }, { files: ["/opt/shop/prod.*"], replace: a, with: c }] }',
      /both are for \/srv\/shop\/prod\.env: that one by \/srv\/shop\/\*\.env, this one by \/opt\/shop\/prod\.\*/,
    ],
  ]
  for (const [what, restore, line] of wrong) {
    it(`refuse ${what}`, () => {
      assert.match(refused(yaml(restore)), line)
    })
  }

  it('take a path of the other site, and texts that change places', () => {
    assert.ok(restoreOf(yaml('{ never: [/srv/shop/key], substitute: [{ files: [x], replace: a, with: b }, { files: [x], replace: b, with: a }] }')))
  })

  it('take one text for two, in files of which no pattern takes both', () => {
    assert.ok(restoreOf(yaml('{ substitute: [{ files: ["*.env"], replace: a, with: b }, { files: ["*.conf", app.ini], replace: a, with: c }] }')))
  })

  it('refuse to substitute where there is no other site', () => {
    const line = /^muster\.yaml:13:\d+ acts between the two sites of a system, and this one has no failover; write failover for it$/
    assert.match(refused(yaml('{ substitute: [{ files: [x], replace: a, with: b }] }', { failover: '' })), line)
  })

  it('warn where a path belongs to the machine as a whole', () => {
    const paths = '[/etc/nftables.conf, /opt/shop]'
    const failover = 'failover: { to: dr }'
    assert.match(
      parse(yaml('{}', { paths, failover })).warnings.join('\n'),
      /component shop\/app: \/etc\/nftables\.conf belongs to the machine.*restore\.neverDefaults: no/,
    )
    assert.doesNotMatch(parse(yaml('{ neverDefaults: no }', { paths, failover })).warnings.join('\n'), /belongs to the machine/)
    assert.doesNotMatch(parse(yaml('{}')).warnings.join('\n'), /belongs to the machine/)
  })
})
