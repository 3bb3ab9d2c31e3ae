import assert from 'node:assert/strict'
import { networkSourceIn } from '../../adapters/store/mount-source.ts'
import { parseConfig } from '../../config/load.ts'
import { countCopies, isReachedBySite, judgeCopies, type PlacedCopy, storesReachedBy } from '../../domain/copies.ts'

const copy = (store: string, place: string, offHost = false, offSite = false): PlacedCopy => ({ store, place, offHost, offSite })
const two = { total: 2, offHost: 0, offSite: 0 }

describe('copies', () => {
  it('count once where they lie in one place, and the message names them', () => {
    const apart = countCopies(two, [copy('local', 'device:1'), copy('second', 'device:2')])
    assert.deepEqual(apart, { total: 2, offHost: 0, offSite: 0, met: true, missing: '' })
    const together = countCopies(two, [copy('local', 'device:1'), copy('second', 'device:1')])
    assert.deepEqual(together, { total: 1, offHost: 0, offSite: 0, met: false, missing: '1 of 2 copies; local and second are in one place and count once' })
  })

  it('are off host and off site only where everything in their place is', () => {
    const required = { total: 1, offHost: 1, offSite: 1 }
    assert.equal(countCopies(required, [copy('local', 'device:1'), copy('nas', 'device:1', true, true)]).met, false)
    assert.equal(countCopies(required, [copy('local', 'device:1'), copy('nas', 'network:nas:/x', true, true)]).met, true)
  })

  it('are judged by what the configuration tells where nobody looked: two prefixes of one bucket are one place', () => {
    const text = `
organisation: Test
stores:
  one: { type: s3, bucket: kennel-dr, region: r, prefix: x, credentials: { write: "env:W" } }
  two: { type: s3, bucket: kennel-dr, region: r, prefix: y, credentials: { write: "env:W" } }
  disk: { type: directory, path: /srv/disk }
encryption: { identity: "file:/etc/muster/identity.txt" }
systems: { shop: { components: { uploads: { type: files, paths: [/srv/uploads] } } } }
`
    const { config } = parseConfig(text, 'muster.yaml', { host: 'localhost', recipients: ['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'] })
    assert.equal(judgeCopies(config, two, 'localhost', ['one', 'two']).total, 1)
    assert.equal(judgeCopies(config, two, 'localhost', ['one', 'two', 'disk']).total, 2)
    assert.equal(judgeCopies(config, two, 'localhost', ['one', 'disk'], { disk: 's3:seen', one: 's3:seen' }).total, 1)
  })
})

describe('the reach of a store', () => {
  const text = `
organisation: Test
sites: { primary: { hosts: [alpha, beta] }, dr: { hosts: [gamma] }, vault: { hosts: [] } }
stores:
  near: { type: directory, path: /srv/near, hosts: [alpha], site: primary }
  all: { type: s3, bucket: kennel-dr, region: r, credentials: { write: "env:W" }, site: vault }
  there: { type: directory, path: /srv/there, hosts: [gamma], site: dr }
encryption: { identity: "file:/etc/muster/identity.txt", restoreHosts: [alpha] }
systems: { shop: { components: { uploads: { type: files, host: alpha, paths: [/srv/uploads], stores: [near] } } } }
`
  const { config } = parseConfig(text, 'muster.yaml', { host: 'alpha', recipients: ['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'] })

  it('is the hosts that it lists, else all; a host that no store lists tries each', () => {
    assert.deepEqual(
      ['alpha', 'beta', 'gamma', 'elsewhere'].map((host) => storesReachedBy(config, host)),
      [['near', 'all'], ['all'], ['all', 'there'], ['near', 'all', 'there']],
    )
  })

  it('is a site only where each of its hosts is, and never one without hosts', () => {
    const sites = (store: string) => ['primary', 'dr', 'vault', 'unknown'].filter((site) => isReachedBySite(config, store, site))
    assert.deepEqual(['near', 'all', 'there', 'unknown'].map(sites), [[], ['primary', 'dr'], ['dr'], []])
  })
})

describe('the source of a network mount', () => {
  const mounts = [
    '22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw',
    '30 22 0:44 / /mnt/nas rw,relatime shared:2 - nfs4 nas:/export/backup/ rw,vers=4.2,addr=10.0.0.2',
    '31 22 0:44 /muster /srv/bound rw,relatime shared:2 - nfs4 nas:/export/backup/ rw,vers=4.2',
    '32 22 0:45 / /mnt/the\\040share rw - cifs //nas/my\\040share rw',
    '33 30 8:17 / /mnt/nas/disk rw - ext4 /dev/sdb1 rw',
    '34 22 0:46 / /mnt/covered rw - nfs nas:/other rw',
    '35 34 0:47 / /mnt/covered rw - tmpfs tmpfs rw',
    '36 22 0:48 / /mnt/ssh rw - fuse.sshfs backup@far:/srv rw',
  ].join('\n')

  it('is what tells a store apart whose data another machine holds', () => {
    assert.equal(networkSourceIn(mounts, '/mnt/nas/muster'), 'nas:/export/backup')
    assert.equal(networkSourceIn(mounts, '/srv/bound'), 'nas:/export/backup')
    assert.equal(networkSourceIn(mounts, '/mnt/the share/a'), '//nas/my share')
    assert.equal(networkSourceIn(mounts, '/mnt/ssh'), 'backup@far:/srv')
  })

  it('is none for a disk of this host, below or over a network mount, or where the host does not say', () => {
    assert.equal(networkSourceIn(mounts, '/mnt/nas/disk/store'), null)
    assert.equal(networkSourceIn(mounts, '/mnt/nasty'), null)
    assert.equal(networkSourceIn(mounts, '/mnt/covered/store'), null)
    assert.equal(networkSourceIn('', '/mnt/nas'), null)
  })
})
