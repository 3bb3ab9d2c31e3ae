import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { parseConfig } from '../../config/load.ts'
import { configReference, configSchemaFile } from '../../config/reference.ts'
import { initialConfig } from '../../config/template.ts'
import { MusterError } from '../../domain/failures.ts'

const recipient = 'age1u60ngfeu5knp89axr3dlplfdtd64xpa7tw3957lzssnl5zkt3gfq0f9vwu'
const root = new URL('../../', import.meta.url)
const options = { recipients: [recipient], home: '/opt/ops', now: new Date('2026-11-21T10:00:00Z') }

describe('the files made from the schema', () => {
  it('are those that are committed; write them with npx tsx scripts/generate-config-docs.ts', async () => {
    assert.equal(await readFile(new URL('docs/configuration.md', root), 'utf8'), configReference())
    assert.equal(await readFile(new URL('docs/muster.schema.json', root), 'utf8'), configSchemaFile())
  })

  it('describe every key', () => {
    const undescribed = configReference()
      .split('\n')
      .filter((line) => /^\| `[^|]+` \|\s*\|/.test(line))
    assert.deepEqual(undescribed, [])
  })
})

describe('every example', () => {
  it('is accepted', async () => {
    const names = (await readdir(new URL('examples/', root))).filter((name) => name.endsWith('.yaml'))
    assert.ok(names.includes('minimal.yaml') && names.includes('shop.yaml'))
    for (const name of names) {
      assert.equal(parseConfig(await readFile(new URL(`examples/${name}`, root), 'utf8'), name, options).config.format, 1, name)
    }
  })
})

describe('the muster.yaml that is written for a machine', () => {
  const database = {
    dataDirectory: '/var/lib/postgresql/15/main',
    connection: { port: 5433, user: 'muster' },
    runAs: 'postgres',
    server: { control: 'pg_ctl' as const, options: ['-c', 'config_file=/etc/postgresql/15/main/postgresql.conf'] },
    versionText: 'PostgreSQL 15.18',
  }
  const facts = {
    organisation: 'Example: & more',
    system: 'shop',
    storePath: '/var/lib/muster/store',
    recipients: [recipient],
    identity: 'file:/opt/ops/.config/muster/identity.txt',
    database,
    paths: ['/srv/shop/up loads', '/srv/a, b: c'],
  }

  it('holds what was found, and is accepted', () => {
    const text = initialConfig({ ...facts, organisation: 'Example' })
    const { config, warnings } = parseConfig(text, 'muster.yaml', { ...options, recipients: [] })
    assert.deepEqual(warnings, [])
    assert.deepEqual(config.encryption.recipients, [recipient])
    const components = config.systems['shop']?.components
    assert.ok(components?.['database']?.type === 'postgresql' && components['files']?.type === 'files')
    assert.equal(components['database'].connection.port, 5433)
    assert.deepEqual(components['database'].server, database.server)
    assert.deepEqual(components['files'].paths, facts.paths)
    assert.equal(components['files'].follows, 'database')
  })

  it('is accepted with one thing only, and without recipients where they are kept beside the keys', () => {
    for (const found of [{ database: { dataDirectory: '/data/pg' } }, { paths: ['/srv/www'] }]) {
      const text = initialConfig({ organisation: 'Example', storePath: '/var/lib/muster/store', ...found })
      assert.equal(Object.keys(parseConfig(text, 'muster.yaml', options).config.systems['main']?.components ?? {}).length, 1)
    }
  })

  it('shows examples that are accepted once their # is taken out', () => {
    const text = initialConfig({ ...facts, organisation: 'Example' })
    const whole = text.replace(/^( *)#(?=\S| {2})/gm, '$1')
    assert.notEqual(whole, text)
    const { config } = parseConfig(whole, 'muster.yaml', options)
    assert.deepEqual(Object.keys(config.stores), ['local', 'offsite'])
    assert.equal(config.systems['shop']?.objectives.rpoSeconds, 300)
    assert.equal(config.systems['shop']?.services.length, 1)
    assert.ok(config.notifications.email && config.notifications.slack && config.notifications.log)
  })

  it('is not written where it would not be accepted', () => {
    const refused = (wrong: object, type: string) =>
      assert.throws(
        () => initialConfig({ ...facts, organisation: 'Example', ...wrong }),
        (error) => error instanceof MusterError && error.type === type,
      )
    refused({ database: undefined, paths: [] }, 'InvalidInput')
    refused({ storePath: '/srv/shop/up loads/store' }, 'ConfigInvalid')
    refused({ organisation: facts.organisation }, 'ConfigInvalid')
    refused({ organisation: 'x\nsystems: {}' }, 'ConfigInvalid')
    refused({ database: { ...database, versionText: 'x\nevil: 1' }, system: '../x' }, 'ConfigInvalid')
  })
})
