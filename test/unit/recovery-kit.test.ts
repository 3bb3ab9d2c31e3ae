import assert from 'node:assert/strict'
import { parseConfig } from '../../config/load.ts'
import { foldKits, kitItems, kitRecipients, kitSites, type RecoveryKit } from '../../domain/recovery-kit.ts'

const key = 'age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqsvnzdz'

function config(more = '', store = '', system = '') {
  const text = `
organisation: Test
sites: { primary: { hosts: [db1] }, dr: { hosts: [dr1, dr2] }, away: { hosts: [] } }
stores:
  near: { type: s3, bucket: near-backups, region: eu-west-1, hosts: [db1], site: primary, credentials: { write: "env:NEAR" } }
  far: { type: s3, bucket: far-backups, region: eu-west-1, hosts: [db1, dr1, dr2], site: dr, credentials: { write: "env:FAR_WRITE", read: "file:/etc/muster/far-read" } }
${store}
encryption: { restoreHosts: [db1, dr1] }
${more}
systems:
  shop:
    components:
      database: { type: postgresql, host: db1, dataDirectory: /srv/pg, connection: { host: 127.0.0.1, user: muster, password: "env:PG_HOME" } }
    failover: { to: dr, components: { database: { host: dr1, connection: { host: 127.0.0.1, user: muster, password: "env:PG_THERE" } } } }
${system}
`
  return parseConfig(text, 'muster.yaml', { recipients: ['age1one'], host: 'db1' }).config
}

function kit(madeAt: string, names: readonly string[], recipients: readonly string[] = [key]): RecoveryKit {
  return {
    format: 'muster-recovery-kit-1',
    organisation: 'Test',
    site: 'dr',
    madeAt,
    configHash: '',
    recipients,
    items: names.map((name) => ({ name, mac: madeAt })),
    sealed: '',
  }
}

describe('recovery kit', () => {
  it('holds what the hosts of the other site resolve, and nothing that only the home site does', () => {
    assert.deepEqual(kitItems(config('notifications: { slack: { webhook: "file:/etc/muster/slack" } }'), 'dr'), [
      'env:FAR_WRITE',
      'env:PG_THERE',
      'file:/etc/muster/far-read',
      'file:/etc/muster/slack',
      'key:dr1',
      'key:dr2',
      'muster.yaml',
    ])
  })

  it('is made for sites that systems fail over to, and for those that are named', () => {
    assert.deepEqual(kitSites(config()), ['dr'])
    assert.deepEqual(kitSites(config('recoveryKit: { sites: [primary] }')), ['dr', 'primary'])
    assert.ok(kitItems(config('recoveryKit: { sites: [primary], secrets: ["file:/etc/licence"] }'), 'primary').includes('file:/etc/licence'))
    assert.ok(kitItems(config('recoveryKit: { sites: [primary] }'), 'primary').includes('env:PG_HOME'))
  })

  it('refuses sites that are not there or have no hosts, and what is listed twice', () => {
    assert.throws(() => config('recoveryKit: { sites: [drr] }'), /there is no site "drr"; did you mean "dr"\?/)
    assert.throws(() => config('recoveryKit: { sites: [away] }'), /site away has no hosts/)
    assert.throws(() => config('recoveryKit: { secrets: ["env:A", "env:A"] }'), /secret "env:A" is listed twice/)
    assert.throws(() => config('recoveryKit: { secrets: [hunter2] }'), /muster\.yaml:\d+:\d+/)
  })

  it('is encrypted to the recipients of everything, or to its own', () => {
    assert.deepEqual(kitRecipients(config()), ['age1one'])
    assert.deepEqual(kitRecipients({ ...config(), recoveryKit: { recipients: ['age1two', 'age1one'] } }), ['age1one', 'age1two'])
  })

  it('takes each item from the newest document that has it for the recipients of today', () => {
    const kits = [kit('1', ['env:A', 'env:B', 'env:C']), kit('2', ['env:A', 'env:Z']), kit('3', ['env:B'], ['age1former'])]
    const found = foldKits(kits, ['env:A', 'env:B', 'env:C', 'env:D'], [key])
    assert.deepEqual(
      [...found].map(([name, { madeAt }]) => [name, madeAt]),
      [
        ['env:A', '2'],
        ['env:B', '1'],
        ['env:C', '1'],
      ],
    )
  })
})
