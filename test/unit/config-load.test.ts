import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { configHash, configText } from '../../config/canonical.ts'
import type { LoadedConfig } from '../../config/load.ts'
import { loadConfig, parseConfig } from '../../config/load.ts'
import { MusterError } from '../../domain/failures.ts'
import { defaultTimeLimits } from '../../domain/time-limits.ts'

const recipient = 'age1u60ngfeu5knp89axr3dlplfdtd64xpa7tw3957lzssnl5zkt3gfq0f9vwu'
const now = new Date('2026-11-21T10:00:00Z')
const examples = new URL('../../examples/', import.meta.url)
const minimal = await readFile(new URL('minimal.yaml', examples), 'utf8')
const shop = await readFile(new URL('shop.yaml', examples), 'utf8')

function parse(text: string): LoadedConfig {
  return parseConfig(text, 'muster.yaml', { recipients: [recipient], home: '/opt/ops', now })
}

/** Replaces what must be there: a test whose edit finds nothing would test nothing. */
function edit(text: string, ...pairs: readonly (readonly [string, string])[]): string {
  return pairs.reduce((edited, [from, to]) => {
    assert.ok(edited.includes(from), `the example has no ${JSON.stringify(from)}`)
    return edited.replace(from, to)
  }, text)
}

function refusal(text: string): MusterError {
  try {
    parse(text)
  } catch (error) {
    assert.ok(error instanceof MusterError, String(error))
    return error
  }
  assert.fail('it was accepted')
}

function refused(text: string, ...lines: readonly string[]): void {
  const { message } = refusal(text)
  for (const line of lines) assert.ok(message.includes(line), `expected ${JSON.stringify(line)} in:\n${message}`)
}

describe('muster.yaml', () => {
  it('needs no more than ten lines for one host, one database and one directory', () => {
    assert.ok(minimal.trimEnd().split('\n').length <= 10)
    const { config, warnings } = parse(minimal)
    assert.deepEqual(warnings, [])
    assert.deepEqual(config, {
      format: 1,
      organisation: 'Example',
      sites: { primary: { hosts: ['localhost'] } },
      stores: {
        local: {
          type: 'directory',
          hosts: ['localhost'],
          site: 'primary',
          path: '/var/lib/muster/store',
          mountRequired: false,
        },
      },
      encryption: {
        type: 'age',
        recipients: [recipient],
        restoreHosts: ['localhost'],
        identity: 'file:/opt/ops/.config/muster/identity.txt',
      },
      people: {},
      systems: {
        shop: {
          priority: 'P2',
          objectives: {},
          copies: { required: { total: 1, offHost: 0, offSite: 0 } },
          components: {
            database: {
              type: 'postgresql',
              host: 'localhost',
              stores: ['local'],
              dataDirectory: '/var/lib/pgsql/data',
              connection: { host: '/var/run/postgresql', port: 5432, user: 'postgres', database: 'postgres' },
              server: { control: 'pg_ctl', options: [] },
              checkpoint: 'spread',
              wal: { from: 'streaming', shipEverySeconds: 30, every: '15m', whenStoresAreOut: 'protectDatabase' },
              checks: [],
            },
            uploads: {
              type: 'files',
              host: 'localhost',
              stores: ['local'],
              paths: ['/srv/shop/uploads'],
              exclude: [],
              allowUnreadable: [],
              allowEmpty: false,
              follows: 'database',
              restore: { after: [] },
            },
          },
          services: [],
          backups: [{ name: 'daily', components: ['database', 'uploads'], kind: 'full', every: 'daily 02:00', zone: 'UTC' }],
          restore: {
            approvals: { count: 1, accept: 'claimed', requesterMay: true },
            approvalExpiresSeconds: 86_400,
            commitAfterSeconds: 60,
            keepSafetySetsSeconds: 604_800,
            newerFiles: 'keep',
            stopFirst: false,
          },
        },
      },
      notifications: {},
    })
  })

  it('becomes seconds, bytes, reached stores and services in start order', () => {
    const { config, warnings } = parse(shop)
    assert.deepEqual(warnings, [])
    const system = config.systems['shop']
    const database = system?.components['database']
    assert.ok(system && database?.type === 'postgresql')
    assert.deepEqual(database.stores, ['local', 'nas', 'offsite'])
    assert.deepEqual(system.components['uploads']?.stores, ['nas', 'offsite'])
    assert.equal(database.wal.reserveBytes, 20e9)
    assert.deepEqual(database.checks[1], {
      sql: 'select max(created_at) from orders',
      database: 'shop',
      maxAgeSeconds: 3600,
    })
    assert.deepEqual(system.objectives, { rpoSeconds: 300, rtoSeconds: 3600 })
    assert.deepEqual(
      system.services.map((service) => service.name),
      ['worker', 'api'],
    )
    assert.deepEqual(system.services[1]?.health, { http: 'http://127.0.0.1:8080/health', expectStatus: 200 })
    assert.deepEqual(system.backups[0]?.components, ['database', 'uploads'])
    assert.equal(system.restore.approvals.requesterMay, false)
    assert.equal(config.stores['nas']?.type === 'directory' && config.stores['nas'].mountRequired, true)
  })

  it('has a service of a compose project as such, and owns it once', () => {
    const compose = 'worker: { type: compose, host: app1, file: /srv/shop/compose.yml, project: shop, service: Worker.1 }'
    const text = edit(shop, ['worker: { type: systemd, host: app1, unit: shop-worker }', compose])
    const [worker] = parse(text).config.systems['shop']?.services ?? []
    assert.deepEqual(worker?.control, { type: 'compose', file: '/srv/shop/compose.yml', project: 'shop', service: 'Worker.1' })
    const twice = edit(text, ['    services:\n', `    services:\n      again: ${compose.slice('worker: '.length)}\n`])
    assert.match(refusal(twice).message, /service shop\/worker is the same on host app1 as service shop\/again/)
    assert.match(refusal(edit(text, ['service: Worker.1', 'service: --help'])).message, /is not a service of a compose file/)
  })

  it('has one hash, whatever the order, spacing and comments of its keys', () => {
    const [before, stores, systems] = [minimal.split('stores:')[0], /stores:.*?(?=systems:)/s.exec(minimal)?.[0], /systems:.*/s.exec(minimal)?.[0]]
    const turned = `# turned round\r\n${systems}${stores}${before}`.replace('/srv/shop/uploads', '/srv//shop/uploads/')
    assert.equal(configHash(parse(turned).config), configHash(parse(minimal).config))
    assert.match(configHash(parse(minimal).config), /^[0-9a-f]{64}$/)
    assert.notEqual(configHash(parse(edit(minimal, ['uploads]', 'upload]'])).config), configHash(parse(minimal).config))
    assert.deepEqual(JSON.parse(configText(parse(shop).config)), parse(shop).config)
  })

  it('may change single time limits', () => {
    const { limits } = parse(`${minimal}limits: { heartbeat: 2s, copy: 1m }\n`).config
    assert.deepEqual(limits, { ...defaultTimeLimits, heartbeatSeconds: 2, copySeconds: 60 })
    refused(`${minimal}limits: { heartbeats: 2s, copy: 0s }\n`, 'did you mean "heartbeat"?', 'copy: "0s" is too short')
  })

  it('names the rules of a system that have no names', () => {
    const rules = `${minimal}    backups: [{ every: 6h }, { every: hourly }, { every: 'daily 02:00' }, { every: 'daily 14:00' }, { name: daily, every: 'daily 20:00' }]\n`
    assert.deepEqual(
      parse(rules).config.systems['shop']?.backups.map((rule) => rule.name),
      ['every-21600s', 'hourly', 'daily-2', 'daily-3', 'daily'],
    )
  })

  it('may be given a host, a byte order mark, carriage returns and anchors', () => {
    const { config } = parseConfig(`\uFEFF${minimal.replaceAll('\n', '\r\n')}`, 'muster.yaml', {
      recipients: [recipient],
      host: 'db1',
    })
    assert.equal(config.systems['shop']?.components['database']?.host, 'db1')
    assert.deepEqual(config.encryption.restoreHosts, ['db1'])
    parse(edit(shop, ['host: db1', 'host: &h db1'], ['host: app1', 'host: *h']).replace('hosts: [db1] }', 'hosts: [db1] }'))
  })
})

describe('a problem in muster.yaml', () => {
  it('is shown with line, column and the nearest known key', () => {
    refused(edit(minimal, ['components', 'compnents']), 'muster.yaml:6:5 unknown key "compnents"; did you mean "components"?')
    refused(edit(shop, ['shipEvery', 'shipEvry']), 'muster.yaml:45:16 unknown key "shipEvry"; did you mean "shipEvery"?')
    refused(edit(shop, ['unit: shop-api', 'units: shop-api']), 'muster.yaml:63:9 unknown key "units"; did you mean "unit"?')
    refused(`${minimal}frobnicate: 1\n`, 'muster.yaml:9:1 unknown key "frobnicate"; known here: organisation, sites')
    refused(`${minimal}<<: { a: 1 }\n`, 'muster.yaml:9:1 merge keys')
    refused(`${minimal}__proto__: { a: 1 }\n`, 'muster.yaml:9:1 unknown key "__proto__"')
  })

  it('is shown together with all the others, in the order of the file', () => {
    const { message, type } = refusal(edit(shop, ['rpo: 5m', 'rpo: soon'], ['port: 587', 'port: 99999'], ['type: s3', 'type: s4']))
    assert.equal(type, 'ConfigInvalid')
    assert.deepEqual(
      message.split('\n').map((line) => line.split(' ')[0]),
      ['muster.yaml:16:11', 'muster.yaml:35:24', 'muster.yaml:82:43'],
    )
    const many = refusal(`${minimal}${Array.from({ length: 80 }, (_, index) => `k${index}: 1`).join('\n')}`).message.split('\n')
    assert.equal(many.length, 51)
    assert.equal(many.at(-1), '… and 30 more')
  })

  it('is a duplicate id', () => {
    refused(`${minimal}      uploads: {}\n`, 'muster.yaml:9:7 duplicate key "uploads"')
    refused(edit(shop, ['name: database-6h', 'name: nightly']), 'muster.yaml:69:17 two backup rules are called "nightly"')
    refused(edit(shop, ['hosts: [db1, app1] }', 'hosts: [db1, db1, app1] }']), 'host "db1" is listed twice')
    refused(
      edit(shop, ['cloud: { hosts: [] }', 'cloud: { hosts: [db1] }'], ['hosts: [db1] }\n  # On a NAS', 'hosts: [db1], site: primary }\n  # On a NAS']),
      'host "db1" is listed twice: at site primary too',
    )
  })

  it('is a bad duration, size, schedule, number or choice, with what to write', () => {
    refused(edit(shop, ['rpo: 5m', 'rpo: 2 weeks ago']), 'muster.yaml:35:24 rpo: "2 weeks ago" is not a duration', 'such as 30s')
    refused(edit(shop, ['shipEvery: 30s', 'shipEvery: 0s']), 'shipEvery: "0s" is too short')
    refused(edit(shop, ['approvalExpires: 2h', 'approvalExpires: 5']), 'approvalExpires must be text: put it in quotes; for example approvalExpires: 2h')
    refused(edit(shop, ['commitAfter: 2m', 'commitAfter: 5']), 'commitAfter must be a duration such as 60s, or 0')
    refused(edit(shop, ['reserve: 20GB', 'reserve: lots']), 'reserve: "lots" is not a size')
    refused(edit(shop, ['every: 6h', 'every: 6 hours']), 'muster.yaml:69:61 every: "6 hours" is not a schedule')
    refused(edit(shop, ['control: systemd', 'control: sytemd']), 'control "sytemd" is not known; did you mean "systemd"?')
    refused(edit(shop, ['role: admin', 'role: king']), 'role "king" is not known; write viewer or operator or approver or admin')
    refused(edit(shop, ['mountRequired: yes', 'mountRequired: yess']), 'mountRequired must be yes or no')
    refused(edit(shop, ['min: 1', 'min: .inf']), 'min must be a number')
    refused(edit(shop, ['total: 2', 'total: 0']), 'total must be at least 1')
  })

  it('is something missing, with what it is for', () => {
    refused('organisation: x\n', 'missing "stores": The places where copies are kept', 'missing "systems"')
    refused('', 'muster.yaml:1:1 the file is empty; write one with: muster init')
    refused('- a\n', 'must be keys with values')
    refused('organisation:\nstores:\nsystems:\n', 'muster.yaml:2:1 stores has no value')
    refused(edit(shop, ['        type: files\n', '']), 'muster.yaml:49:7 missing "type": postgresql or files')
    refused(edit(shop, ['    region: eu-west-1\n', '']), 'muster.yaml:15:3 region: missing')
    refused(edit(shop, [', min: 1 }', ' }']), 'a check needs min, max or maxAge, else it cannot fail')
    refused(edit(minimal, ['{ type: directory, path: /var/lib/muster/store }', '{}']), 'muster.yaml:3:3 missing "type": directory or s3')
    refused('organisation: x\nstores: {}\nsystems: {}\n', 'needs at least one store', 'needs at least one system')
  })

  it('is a name that does not exist, with the nearest one', () => {
    refused(edit(shop, ['follows: database', 'follows: databse']), 'muster.yaml:54:18 there is no component "databse"; did you mean "database"?')
    refused(edit(shop, ['host: db1\n', 'host: bd1\n']), 'muster.yaml:41:15 there is no host "bd1"; did you mean "db1"?')
    refused(edit(shop, ['site: cloud', 'site: claud']), 'there is no site "claud"; did you mean "cloud"?')
    refused(edit(shop, ['components: [database]', 'components: [databases]']), 'there is no component "databases"')
    refused(edit(shop, ['restoreHosts: [db1, app1]', 'restoreHosts: [db1, app9]']), 'there is no host "app9"')
    refused(edit(shop, ['follows: database', 'stores: [nass]']), 'muster.yaml:54:18 there is no store "nass"; did you mean "nas"?')
    refused(edit(shop, ['follows: database', 'follows: constructor']), 'there is no component "constructor"')
  })

  it('is a name that is none', () => {
    refused(edit(shop, ['uploads:', 'Up Loads:']), 'muster.yaml:49:7 "Up Loads" is not a name')
    refused(edit(shop, ['worker:', '"12":']), 'muster.yaml:59:7 "12" is not a name: it needs a letter')
    refused(edit(minimal, ['shop:', '../shop:']), '"../shop" is not a name')
    refused(edit(minimal, ['Example', 'a/b']), 'organisation: must be 1 to 63 letters')
  })

  it('is a thing that follows itself', () => {
    refused(edit(shop, ['follows: database', 'follows: uploads']), 'muster.yaml:54:18 uploads follows itself')
    const ring = edit(minimal, ['follows: database }', 'follows: b }\n      b: { type: files, paths: [/b], follows: uploads }'])
    refused(ring, 'uploads follows itself by way of b', 'b follows itself by way of uploads')
  })

  it('is a host, site or set of hosts that must be said where there are several', () => {
    refused(edit(shop, ['        host: db1\n', '']), 'muster.yaml:39:7 missing "host": there are several hosts (db1, app1)')
    refused(edit(shop, ['    site: cloud\n', '']), 'muster.yaml:15:3 missing "site": there are several sites')
    refused(edit(shop, [', hosts: [db1] }', ' }']), 'muster.yaml:11:3 missing "hosts"')
    refused(edit(shop, ['  restoreHosts: [db1, app1]\n', '']), 'missing "restoreHosts"')
    refused(edit(shop, ['hosts: [db1] }', 'hosts: [db1], site: cloud }']), 'this directory is on host db1 of site primary')
  })

  it('is a store that the component does not reach, or copies that no store can give', () => {
    refused(edit(shop, ['follows: database', 'stores: [local]']), 'store local is not reached by host app1')
    refused(edit(shop, ['offSite: 1', 'offSite: 2']), 'muster.yaml:36:15 cannot be met for component database', '1 of 2 off-site copies')
    refused(edit(shop, ['mountRequired: yes', 'mountRequired: no'], ['offHost: 1', 'offHost: 2']), 'cannot be met for component database')
    refused(`${minimal}    copies: { required: { offHost: 1 } }\n`, '(local) can give 0 of 1 off-host copies')
    const sameBucket = edit(shop, [
      'encryption:',
      '  again:\n    { type: s3, bucket: example-shop-dr, region: eu-west-1, site: cloud, credentials: { write: env:A } }\n\nencryption:',
    ])
    refused(edit(sameBucket, ['offSite: 1', 'offSite: 2']), '1 of 2 off-site copies')
  })

  it('is a place with two owners, or one inside another', () => {
    refused(
      edit(minimal, ['/srv/shop/uploads', '/var/lib']),
      'muster.yaml:3:35 /var/lib/muster/store of store local lies inside /var/lib',
      'muster.yaml:8:39 /var/lib of component shop/uploads holds /var/lib/pgsql/data',
    )
    refused(edit(minimal, ['/srv/shop/uploads', '/srv/a, /srv/a/b/']), 'muster.yaml:8:47 /srv/a/b of component shop/uploads lies inside /srv/a')
    refused(edit(minimal, ['/srv/shop/uploads', '/']), 'of store local lies inside /')
    refused(edit(minimal, ['/srv/shop/uploads', '/var/lib/muster/store/x']), 'store local holds /var/lib/muster/store/x')
    parse(edit(minimal, ['/srv/shop/uploads', '/srv/a, /srv/ab']))
    const twice = minimal + minimal.slice(minimal.indexOf('  shop:')).replace('shop:', 'other:')
    refused(
      twice,
      'the server of component other/database is the same',
      '/var/lib/pgsql/data of component other/database is also that of component shop/database',
    )
    refused(edit(shop, ['unit: shop-worker', 'unit: shop-api.service']), 'service shop/api is the same on host app1 as service shop/worker')
  })

  it('is two members whose work directories would be one', () => {
    const two = ['    components:\n', '    components:\n      uploads-1: { type: files, paths: [/srv/shop/more] }\n'] as const
    parse(edit(minimal, two))
    refused(
      edit(minimal, two, ['[/srv/shop/uploads]', '[/srv/shop/uploads, /srv/shop/third]']),
      'the work directory of component shop/uploads is the same on host localhost as the work directory of component shop/uploads-1',
    )
  })

  it('is a path that is not absolute, or climbs', () => {
    refused(
      edit(minimal, ['/srv/shop/uploads', 'srv/shop, /a/../b, ~/x']),
      'paths: "srv/shop" is not an absolute path',
      'paths: "/a/../b" has . or ..',
      'paths: "~/x" is not',
    )
    refused(edit(minimal, ['/srv/shop/uploads', '"/a\\nb"']), 'holds a control character')
  })

  it('is a shell line where a program and its words belong', () => {
    refused(edit(shop, ["[[chown, -R, 'shop:', .]]", '[["chown -R shop: ."]]']), 'write one word per item, as no shell splits them: [chown, -R, shop:, .]')
    refused(edit(shop, ["[[chown, -R, 'shop:', .]]", '["chown -R shop: ."]']), 'after must be a list, not text')
    refused(edit(shop, ["[[chown, -R, 'shop:', .]]", '[[sleep, 5]]']), 'after must be text: put it in quotes')
  })

  it('is a time of day that a clock change skips', () => {
    refused(edit(shop, ['daily 03:15', 'daily 02:15']), 'muster.yaml:68:54 on 2027-03-28 Europe/Berlin skips 02:00 to 03:00')
    refused(edit(shop, ['Europe/Berlin', 'Europe/Berln']), 'muster.yaml:68:54 "Europe/Berln" is not a time zone')
  })

  it('is a rule for approvals that nobody could fulfil', () => {
    refused(edit(shop, ['role: approver', 'role: viewer']), 'muster.yaml:73:44 with requesterMay: no, two people who may approve are needed')
    refused(edit(shop, ['role: approver', 'role: viewer'], ['role: admin', 'role: viewer']), 'nobody in people may approve')
    refused(edit(shop, ['count: 1, requesterMay', 'count: 2, requesterMay']), '2 approvals need 3 people who may approve under people')
    refused(edit(shop, ['count: 1, requesterMay', 'count: 1, accept: signed, requesterMay']), 'signed needs 2 people who may approve with a key')
    refused(edit(shop, ['count: 1, requesterMay', 'count: 6, requesterMay']), 'count')
  })

  it('is a private or broken key where the public key of a person belongs', () => {
    const withKey = (key: string) => edit(shop, ['role: approver', `approve: "${key}", role: approver`])
    refused(withKey('-----BEGIN OPENSSH PRIVATE KEY-----'), 'this is a private key: keep it out of this file')
    refused(withKey('ssh-ed25519 AAAA'), 'is not a public SSH key: the one line of a .pub file')
    const { config } = parse(withKey(`ssh-ed25519 ${'A'.repeat(68)} bob@desk`))
    assert.equal(config.people['bob']?.approve, `ssh-ed25519 ${'A'.repeat(68)}`)
  })

  it('never repeats a secret that was written into the file', () => {
    const secret = 'hunter2-TOP-SECRET'
    const places = [
      edit(shop, ['env:MUSTER_S3_WRITE', secret]),
      edit(shop, ["'env:MUSTER_SLACK_WEBHOOK'", `https://hooks.example.com/${secret}`]),
      edit(shop, ["{ webhook: 'env:MUSTER_SLACK_WEBHOOK' }", `https://hooks.example.com/${secret}`]),
      edit(shop, ["'env:MUSTER_SMTP_PASSWORD'", `'file:${secret}'`]),
      edit(shop, ['{ user: muster, database: shop }', `postgres://muster:${secret}@db1/shop`]),
      edit(shop, ['connection: { user: muster,', `connection: { host: 'postgres://muster:${secret}@db1',`]),
      edit(shop, ['region: eu-west-1', `endpoint: https://user:${secret}@s3.example.com`]),
      edit(shop, ["'http://127.0.0.1:8080/health'", `'http://u:${secret}@127.0.0.1/'`]),
      edit(shop, ['  restoreHosts: [db1, app1]', `  recipients: [AGE-SECRET-KEY-1${secret}]\n  restoreHosts: [db1, app1]`]),
      edit(shop, ["password: 'env:MUSTER_SMTP_PASSWORD'", `password: "${secret}`]),
    ]
    for (const text of places) assert.ok(!refusal(text).message.includes(secret), refusal(text).message)
  })

  it('is not YAML, said in words and at its place', () => {
    refused('a:\n\tb: 1\n', 'muster.yaml:2:1 a tab is used to indent')
    refused('organisation: "x\n', 'not YAML: something that was opened is not closed')
    refused(`${minimal}---\na: 1\n`, 'muster.yaml:9:1 a second document begins here')
    refused(`%YAML 1.1\n---\n${minimal}`, 'the directive %YAML is not read here')
    refused(`${minimal}people: !!set { a }\n`, 'tags (!!name) are not read here')
    refused(`${minimal}people: !foo { a: 1 }\n`, 'tags (!name) are not read here')
    refused(`${minimal}? [a]\n: 1\n`, 'this key is not a text')
  })

  it('is a file made to exhaust the reader', () => {
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]', ...['b', 'c', 'd', 'e'].map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcd'[index]}`).join()}]`)]
    refused(bomb.join('\n'), 'holds too many aliases')
    refused('a: &a [*a]\n', 'this alias stands for what it is in')
    for (const text of [
      '['.repeat(200_000),
      '{a: '.repeat(50_000),
      '- '.repeat(200_000),
      Array.from({ length: 1000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
    ]) {
      refused(text, 'is nested too deeply')
    }
    refused('#'.repeat(1024 * 1024 + 1), 'larger than 1 MiB')
    refused(`${minimal}"a\\e[31m\\nmuster.yaml:1:1 all is well": 1\n`, 'muster.yaml:9:1 unknown key "a [31m muster.yaml')
  })

  it('is always one of ours, whatever a file holds', function () {
    this.timeout(20_000)
    const lines = shop.split('\n')
    const change = fc.record({
      line: fc.nat(lines.length - 1),
      column: fc.nat(60),
      text: fc.oneof(fc.string(), fc.constantFrom('{', '[', ': ', '- ', '&a ', '*a', '!!', '"', '\t', '\n', 'null', '0', '~')),
    })
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
        const copy = [...lines]
        for (const { line, column, text } of changes) copy[line] = `${copy[line]?.slice(0, column)}${text}${copy[line]?.slice(column + text.length)}`
        try {
          parse(copy.join('\n'))
        } catch (error) {
          assert.ok(error instanceof MusterError && error.type !== 'MusterBug', String(error))
          for (const line of error.message.split('\n')) assert.match(line, /^muster\.yaml:\d+:\d+ \S|^… and \d+ more$/)
        }
      }),
      { numRuns: Number(process.env['MUSTER_FUZZ_RUNS'] ?? 100) },
    )
  })
})

describe('what this version does not have', () => {
  it('is refused at its line with NotSupported', () => {
    const cases: readonly (readonly [string, string])[] = [
      [`${shop}reports: []\n`, 'muster.yaml:90:1 "reports" is not in this version'],
      [edit(shop, ['prefix: prod', 'objectLock: compliance']), 'muster.yaml:19:5 "objectLock" is not in this version'],
      [edit(shop, ['read: env:MUSTER_S3_READ', 'expire: env:E']), '"expire" is not in this version'],
      [edit(shop, ['type: s3', 'type: azure']), 'muster.yaml:16:11 type azure is not in this version'],
      [edit(shop, ['encryption:', 'encryption:\n  type: gpg']), 'type gpg is not in this version'],
      [edit(shop, ['type: files', 'type: sqlite']), 'type sqlite is not in this version'],
      [edit(shop, ['type: files', 'type: redis']), 'type redis is not in this version'],
      [edit(shop, ['type: files', 'type: command']), 'type command is not in this version'],
      [edit(shop, ['name: nightly,', 'kind: incremental,']), 'kind incremental is not in this version'],
      [edit(shop, ['name: nightly,', 'keep: { for: 7d },']), '"keep" is not in this version'],
      [edit(shop, ['{ shipEvery: 30s', '{ from: archive']), 'from archive is not in this version'],
      [edit(shop, ['{ shipEvery: 30s', '{ keep: { for: 24h }']), '"keep" is not in this version'],
      [edit(shop, ['log: {', 'sms: {} \n  log: {']), '"sms" is not in this version'],
    ]
    for (const [text, line] of cases) {
      const { type, message } = refusal(text)
      assert.ok(message.endsWith(line) && message.startsWith('muster.yaml:'), `${message}, not ${line}`)
      assert.equal(type, 'NotSupported', line)
    }
  })

  it('is ConfigInvalid where something else is wrong as well', () => {
    const { type, message } = refusal(`${edit(shop, ['rpo: 5m', 'rpo: soon'])}reports: []\n`)
    assert.equal(type, 'ConfigInvalid')
    assert.equal(message.split('\n').length, 2)
  })
})

describe('a warning about muster.yaml', () => {
  it('is given for what is allowed and yet better known', () => {
    const loopback = edit(shop, ['region: eu-west-1', 'endpoint: http://127.0.0.1:7070'])
    assert.match(parse(loopback).warnings.join(), /store offsite: its endpoint is on this machine/)
    assert.match(parse(edit(shop, ['mountRequired: yes', 'host: nas1'])).warnings.join(), /store nas: its disk is said to be on host nas1/)
    assert.match(
      parse(`${minimal}    backups: [{ components: [database], every: 'at 2026-01-01T00:00Z' }]\n`).warnings.join(),
      /shop\/uploads: no backup rule covers it.*is past/,
    )
    assert.match(parse(edit(shop, ['restoreHosts: [db1, app1]', 'restoreHosts: [db1]'])).warnings.join(), /uploads: host app1 is not in restoreHosts/)
    assert.match(parse(edit(minimal, ['/srv/shop/uploads', '/opt'])).warnings.join(), /private identity .* lies inside it/)
  })
})

describe('loading muster.yaml', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'muster-config-'))
  })
  afterEach(() => rm(directory, { recursive: true, force: true }))

  const failure = async (path: string, home = directory) => {
    const error: unknown = await loadConfig(path, { home, now }).then(
      () => assert.fail('it was accepted'),
      (reason) => reason,
    )
    assert.ok(error instanceof MusterError && error.type === 'ConfigInvalid', String(error))
    return error
  }

  it('takes the recipients that muster init wrote where the file names none', async () => {
    const path = join(directory, 'muster.yaml')
    await writeFile(path, minimal)
    assert.match((await failure(path)).message, /^muster\.yaml:1:1 no recipients to encrypt to: run muster init/)
    await mkdir(join(directory, '.config/muster'), { recursive: true })
    await writeFile(join(directory, '.config/muster/recipients.txt'), `# this machine\n${recipient}\n\n`)
    const { config } = await loadConfig(path, { home: directory, now })
    assert.deepEqual(config.encryption.recipients, [recipient])
    assert.equal(config.encryption.identity, `file:${directory}/.config/muster/identity.txt`)
    await writeFile(join(directory, '.config/muster/recipients.txt'), `${recipient}x\n`)
    assert.match((await failure(path)).message, /recipients\.txt:1:1 .* is not an age recipient/)
  })

  it('names a file that is absent, a directory, too large or not text', async () => {
    const path = join(directory, 'muster.yaml')
    const absent = await failure(path)
    assert.match(absent.message, /^there is no .*muster\.yaml$/)
    assert.equal(absent.hint, 'write one with: muster init')
    assert.match((await failure(directory)).message, /is not a file/)
    assert.match((await failure('/dev/zero')).message, /is not a file/)
    await writeFile(path, Buffer.from([0x61, 0x3a, 0x20, 0xff, 0xfe]))
    assert.match((await failure(path)).message, /is not UTF-8 text/)
    await writeFile(path, Buffer.alloc(1024 * 1024 + 1, 0x20))
    assert.match((await failure(path)).message, /larger than 1 MiB/)
  })
})
