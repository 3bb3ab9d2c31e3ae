import assert from 'node:assert/strict'
import { renameSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openWalSource } from '../../adapters/component/postgresql/live-wal-source.ts'
import { createAgeIdentity } from '../../adapters/crypto/age-identity.ts'
import { createAgeEncryption } from '../../adapters/crypto/age.ts'
import { createSigningKey, loadSigner } from '../../adapters/crypto/signature.ts'
import type { PostgresqlComponentConfig } from '../../domain/config.ts'
import { openSources, refresh, type ShippingSource } from '../../workers/shipper-spools.ts'
import { Staging } from '../../workers/shipper-staging.ts'

const segment = '000000010000000000000004'
const segmentSizeBytes = 16 * 1024 * 1024
const startLsn = 4n * BigInt(segmentSizeBytes)
const need = { segment, kind: 'partial', startLsn, endLsn: startLsn + 8n } as const

describe('a segment that is finished while it is staged', function () {
  this.timeout(30_000)
  let base: string
  let source: ShippingSource
  let staging: Staging

  /** No server is asked: all that staging needs of it lies in the spool. */
  const walSource = () => openWalSource({ system: 'shop', component: 'database', config: silentConfig(base), password: null, runDirectory: base }, null)

  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), 'muster-staging-'))
    await mkdir(join(base, 'spools', 'life1.tl1'), { recursive: true })
    await writeFile(join(base, 'spools', 'life1.tl1', `${segment}.partial`), Buffer.alloc(segmentSizeBytes, 1))
    const wal = await walSource()
    source = (await openSources(join(base, 'spools'), wal, segmentSizeBytes, null))[0] as ShippingSource
    await refresh(source, wal, null, base)
    const recipient = await createAgeIdentity(join(base, 'identity.txt'))
    await createSigningKey(join(base, 'host'), 'host')
    const signer = await loadSigner(join(base, 'host'))
    const deps = {
      organisation: 'Test',
      host: 'localhost',
      version: '0',
      encryption: createAgeEncryption([recipient]),
      signer,
      log: () => undefined,
    }
    const instance = { system: 'shop', component: 'database', stores: [] }
    staging = new Staging(join(base, 'staging'), deps, instance)
    await staging.clear()
  })
  afterEach(async () => {
    await rm(base, { recursive: true })
  })

  it('is looked for again under its new name, and no store is blamed', async () => {
    const real = await walSource()
    const path = join(source.spool.directory, `${segment}.partial`)
    const renaming = {
      ...real,
      compress: (...asked: Parameters<typeof real.compress>) => {
        renameSync(path, join(source.spool.directory, segment))
        return real.compress(...asked)
      },
    }
    assert.equal(await staging.lease(renaming, source, need), null)
    assert.deepEqual(await readdir(join(base, 'staging')), [])
    const lease = await staging.lease(real, source, need)
    assert.equal(lease?.staged.name.segment, segment)
    lease?.release()
  })

  it('that cannot be read although it is there is still an error', async () => {
    const real = await walSource()
    const path = join(source.spool.directory, `${segment}.partial`)
    await rename(path, join(base, 'kept'))
    await mkdir(path)
    await assert.rejects(staging.lease(real, source, need), /EISDIR|broke off/)
  })
})

function silentConfig(dataDirectory: string): PostgresqlComponentConfig {
  return {
    type: 'postgresql',
    host: 'localhost',
    stores: ['local'],
    dataDirectory,
    connection: { host: '/nowhere', port: 1, user: 'muster', database: 'postgres' },
    server: { control: 'pg_ctl', options: [] },
    checkpoint: 'fast',
    wal: { from: 'streaming', shipEverySeconds: 30, every: '15m', whenStoresAreOut: 'protectDatabase' },
    checks: [],
  }
}
