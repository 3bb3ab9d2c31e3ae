import assert from 'node:assert/strict'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { createS3Store } from '../../adapters/store/s3.ts'
import type { Store } from '../../adapters/store/store.ts'
import { MusterError } from '../../domain/failures.ts'
import { failsWith } from '../support/fails-with.ts'
import { type S3Proxy, startS3Proxy } from '../support/s3-proxy.ts'
import { type S3Server, startS3Server } from '../support/s3-server.ts'
import { type Mount, mountTmpfs } from '../support/mounts.ts'
import { makeFolder, removeFolder, s3Config, s3Store } from '../support/store-labs.ts'
import { keysOf, makeFile, putAndCancel, sha256 } from './store-suite.ts'

const partBytes = 16 * 1024 * 1024
const soon = (): Date => new Date(Date.now() + 60_000)

describe('a store in a bucket, in trouble', () => {
  let folder: string
  let server: S3Server
  let proxy: S3Proxy
  let store: Store

  beforeEach(async () => {
    folder = await makeFolder()
    server = await startS3Server()
    await server.createBucket('muster')
    proxy = await startS3Proxy(server.endpoint)
    store = s3Store(server, proxy.endpoint)
  })

  afterEach(async () => {
    await proxy.stop()
    await server.stop()
    await removeFolder(folder)
  })

  it('does not send again the parts that a cancelled upload had finished', async () => {
    const file = await makeFile(folder, 36_000_000)
    await putAndCancel(store, 'a/file', file, partBytes)
    assert.equal(await store.stat('a/file'), null)
    assert.deepEqual(await keysOf(store, ''), [])
    const finished = await finishedParts()
    assert.ok(finished >= 1 && finished < 3, `${finished} parts`)
    proxy.seen.length = 0
    assert.equal(await s3Store(server, proxy.endpoint).putFile('a/file', file), 'created')
    // A part that was on its way when it was cancelled may have been finished since.
    assert.ok(proxy.sentParts().length <= 3 - finished, proxy.sentParts().join())
    assert.equal(sha256(await buffer(await store.read('a/file'))), file.sha256)
    assert.equal(await store.sweepUnfinished('', soon()), 0)
  })

  it('goes on after the server was killed in the middle and started again', async () => {
    const file = await makeFile(folder, 36_000_000)
    const killed: Promise<void>[] = []
    const die = (bytes: number) => {
      if (bytes >= partBytes && killed.length === 0) killed.push(server.kill())
    }
    await assert.rejects(store.putFile('a/file', file, { onProgress: die }), failsWith('Unreachable', /127\.0\.0\.1/))
    await Promise.all(killed)
    await server.restart()
    proxy.seen.length = 0
    assert.equal(await store.putFile('a/file', file), 'created')
    assert.ok(proxy.sentParts().length < 3, proxy.sentParts().join())
    assert.equal(sha256(await buffer(await store.read('a/file'))), file.sha256)
  })

  it('does not go on with an upload of other content', async () => {
    const first = await makeFile(folder, 36_000_000)
    const second = await makeFile(folder, 36_000_000)
    await putAndCancel(store, 'a/file', first, partBytes)
    assert.equal(await store.putFile('a/file', second), 'created')
    assert.equal(sha256(await buffer(await store.read('a/file'))), second.sha256)
    assert.equal(await store.sweepUnfinished('', soon()), 1)
    assert.equal(sha256(await buffer(await store.read('a/file'))), second.sha256)
  })

  it('ends unfinished uploads under a prefix that were begun before a time', async () => {
    const file = await makeFile(folder, 36_000_000)
    for (const key of ['a/1', 'a/2', 'b/1']) await putAndCancel(store, key, file, partBytes)
    assert.equal(await store.sweepUnfinished('a/', new Date(Date.now() - 60_000)), 0)
    assert.equal(await store.sweepUnfinished('c/', soon()), 0)
    assert.equal(await store.sweepUnfinished('a/', soon()), 2)
    assert.equal(await store.sweepUnfinished('', soon()), 1)
    assert.equal(await store.sweepUnfinished('', soon()), 0)
  })

  it('keeps nothing of a file of several parts that is not what was promised', async () => {
    const file = await makeFile(folder, 36_000_000)
    const promised = { ...file, sha256: sha256(Buffer.from('something else')) }
    await assert.rejects(store.putFile('a/file', promised), failsWith('ChecksumMismatch'))
    assert.equal(await store.stat('a/file'), null)
    assert.equal(await store.sweepUnfinished('', soon()), 0)
  })

  it('notices a bit that changes on the way', async () => {
    proxy.decide = ({ method }) => ({ kind: method === 'PUT' ? 'flipBit' : 'pass' })
    await assert.rejects(store.putFile('a/small', await makeFile(folder, 1000)), MusterError)
    await assert.rejects(store.putBytes('a/bytes', Buffer.from('bytes')), MusterError)
    await assert.rejects(store.putFile('a/large', await makeFile(folder, 20_000_000)), MusterError)
    assert.deepEqual(await keysOf(store, ''), [])
  })

  it('knows what it has made although the answer was lost', async () => {
    const lost = new Set<string>()
    proxy.decide = ({ method, url }) => {
      const write = (method === 'PUT' || method === 'POST') && !url.includes('uploads')
      if (!write || lost.has(url)) return { kind: 'pass' }
      lost.add(url)
      return { kind: 'loseAnswer' }
    }
    assert.equal(await store.putBytes('a/bytes', Buffer.from('bytes')), 'created')
    const small = await makeFile(folder, 1000)
    const large = await makeFile(folder, 20_000_000)
    assert.ok(['created', 'exists'].includes(await store.putFile('a/small', small)))
    assert.ok(['created', 'exists'].includes(await store.putFile('a/large', large)))
    assert.equal(sha256(await buffer(await store.read('a/large'))), large.sha256)
    assert.equal(lost.size, 5)
  })

  it('fails a read that breaks off, instead of ending it', async () => {
    await store.putFile('a/file', await makeFile(folder, 3_000_000))
    proxy.decide = ({ method }) => (method === 'GET' ? { kind: 'cutBody', afterBytes: 1_000_000 } : { kind: 'pass' })
    await assert.rejects(async () => buffer(await store.read('a/file')), failsWith('Unreachable', /a\/file/))
  })

  it('says that it is throttled', async () => {
    proxy.decide = () => ({ kind: 'answer', status: 503, code: 'SlowDown' })
    await assert.rejects(store.putBytes('a/bytes', Buffer.from('x')), failsWith('Throttled'))
    await assert.rejects(keysOf(store, ''), failsWith('Throttled'))
    await assert.rejects(store.stat('a/bytes'), failsWith('Throttled'))
    await assert.rejects(store.putFile('a/file', await makeFile(folder, 20_000_000)), failsWith('Throttled'))
  })

  it('does not take a failed page for the end of a listing', async () => {
    for (let number = 0; number < 7; number += 1) await store.putBytes(`a/${number}`, Buffer.from('x'))
    assert.equal((await keysOf(store, 'a/')).length, 7)
    proxy.decide = ({ url }) => (url.includes('continuation-token') ? { kind: 'answer', status: 500, code: 'InternalError' } : { kind: 'pass' })
    await assert.rejects(keysOf(store, 'a/'), failsWith('Unreachable'))
  })

  it('compares by reading an object that does not say its hash', async () => {
    const file = await makeFile(folder, 5, Buffer.from('hello'))
    const client = new S3Client({ region: server.region, endpoint: server.endpoint, forcePathStyle: true, credentials: server })
    for (const [key, Body] of [
      ['prod/same', 'hello'],
      ['prod/other', 'other'],
    ] as const) {
      await client.send(new PutObjectCommand({ Bucket: 'muster', Key: key, Body }))
    }
    client.destroy()
    assert.equal(await store.putFile('same', file), 'exists')
    await assert.rejects(store.putFile('other', file), failsWith('ChecksumMismatch'))
  })

  it('names bucket and credentials that are refused, and takes new ones without a restart', async () => {
    let secretAccessKey = 'wrong-secret'
    const secret = () => Promise.resolve({ accessKeyId: server.accessKeyId, secretAccessKey })
    const refused = createS3Store('offsite', s3Config(server, server.endpoint), { read: () => Promise.resolve(server), write: secret })
    const rejected = failsWith('CredentialsRejected', /muster.*write credentials/)
    await assert.rejects(refused.putBytes('a/bytes', Buffer.from('x')), rejected)
    await assert.rejects(refused.putFile('a/file', await makeFile(folder, 1000)), rejected)
    const error = await refused.putBytes('a/bytes', Buffer.from('x')).catch((found: unknown) => found)
    assert.ok(!JSON.stringify([error, String(error), (error as Error).stack]).includes('wrong-secret'))
    assert.deepEqual(await keysOf(refused, ''), [])
    const probe = await refused.probe({ write: true })
    assert.deepEqual([probe.reachable, probe.writable], [true, false])
    secretAccessKey = server.secretAccessKey
    assert.equal(await refused.putBytes('a/bytes', Buffer.from('x')), 'created')
  })

  it('hands on why a secret could not be resolved', async () => {
    const nothing = () => Promise.reject(new MusterError('SecretMissing', 'the variable READ is not set'))
    const blind = createS3Store('offsite', s3Config(server, server.endpoint), { read: nothing, write: nothing })
    await assert.rejects(blind.stat('a'), failsWith('SecretMissing'))
    assert.match((await blind.probe({ write: false })).problem ?? '', /READ is not set/)
  })

  it('does not take a bucket that is not there for an absent object or an empty list', async () => {
    const lost = s3Store(server, server.endpoint, { bucket: 'elsewhere' })
    const absent = failsWith('PreconditionFailed', /no bucket elsewhere/)
    await assert.rejects(lost.stat('a/file'), absent)
    await assert.rejects(lost.read('a/file'), absent)
    await assert.rejects(lost.remove('a/file'), absent)
    await assert.rejects(keysOf(lost, ''), absent)
    await assert.rejects(lost.putBytes('a/bytes', Buffer.from('x')), absent)
    await assert.rejects(lost.putFile('a/file', await makeFile(folder, 1000)), absent)
    assert.match((await lost.probe({ write: true })).problem ?? '', /no bucket elsewhere/)
  })

  it('is unreachable within 15 seconds when the server is down', async () => {
    await server.kill()
    const down = s3Store(server)
    const begun = Date.now()
    const out = failsWith('Unreachable', new RegExp(server.endpoint))
    await assert.rejects(down.putBytes('a/bytes', Buffer.from('x')), out)
    await assert.rejects(down.putFile('a/file', await makeFile(folder, 1000)), out)
    await assert.rejects(down.stat('a/file'), out)
    await assert.rejects(down.readBytes('a/file'), out)
    await assert.rejects(keysOf(down, ''), out)
    const probe = await down.probe({ write: true })
    assert.deepEqual([probe.reachable, probe.writable], [false, false])
    assert.ok(Date.now() - begun < 15_000)
  })

  it('is unreachable within 15 seconds when nothing answers at the address', async function () {
    this.timeout(20_000)
    // an address of a documentation network: packets to it go nowhere
    const begun = Date.now()
    await assert.rejects(s3Store(server, 'http://192.0.2.1:9').stat('a'), failsWith('Unreachable'))
    assert.ok(Date.now() - begun < 15_000)
  })

  it('finds a server that overwrites, but does not take another probe for one', async () => {
    const object = join(server.directory, 'muster', 'prod', 'muster-probe')
    let removals = 0
    proxy.decide = async ({ method }) => {
      // what was written before is gone: for the writer this is what overwriting looks like
      if (method === 'PUT' && removals-- > 0) await rm(object, { force: true })
      return { kind: 'pass' }
    }
    removals = 2
    assert.equal((await store.probe({ write: true })).problem, null)
    removals = Infinity
    const probe = await store.probe({ write: true })
    assert.match(probe.problem ?? '', /overwrites objects/)
    assert.equal(probe.writable, false)
  })

  it('shares nothing with another prefix of the bucket', async () => {
    const other = s3Store(server, server.endpoint, { prefix: '/prod2/' })
    const bare = s3Store(server, server.endpoint, { prefix: '' })
    await store.putBytes('a', Buffer.from('1'))
    await other.putBytes('a', Buffer.from('2'))
    assert.deepEqual(await keysOf(store, ''), ['a'])
    assert.deepEqual(await keysOf(other, ''), ['a'])
    assert.deepEqual(await keysOf(bare, ''), ['prod/a', 'prod2/a'])
    assert.equal((await other.readBytes('a')).toString(), '2')
  })

  /** As the server has them on its disk. */
  async function finishedParts(): Promise<number> {
    const names = await readdir(join(server.directory, 'muster'), { recursive: true })
    return names.filter((name) => /\.sgwtmp\/.*\/\d+$/.test(name)).length
  }
})

describe('a store in a bucket whose server has a bad disk', () => {
  let folder: string
  let mount: Mount
  let server: S3Server

  beforeEach(async () => {
    folder = await makeFolder()
    mount = await mountTmpfs(join(folder, 'disk'), 8)
    server = await startS3Server(mount.path)
    await server.createBucket('muster')
  })

  afterEach(async () => {
    await server.stop()
    await mount.unmount()
    await removeFolder(folder)
  })

  it('does not claim to have what did not fit', async () => {
    const store = s3Store(server)
    for (const sizeBytes of [12_000_000, 20_000_000]) {
      const file = await makeFile(folder, sizeBytes)
      await assert.rejects(store.putFile('a/file', file), failsWith('DiskFull', /muster/))
      assert.equal(await store.stat('a/file'), null)
      await rm(file.path)
    }
    await store.sweepUnfinished('', soon())
    assert.equal(await store.putFile('a/small', await makeFile(folder, 100_000)), 'created')
  })

  it('fails writes and goes on reading when the disk is read-only', async () => {
    const store = s3Store(server)
    await store.putBytes('a/bytes', Buffer.from('x'))
    await mount.remount('ro')
    await assert.rejects(store.putBytes('b/bytes', Buffer.from('x')), MusterError)
    assert.equal((await store.readBytes('a/bytes')).toString(), 'x')
    const probe = await store.probe({ write: true })
    assert.deepEqual([probe.reachable, probe.writable], [true, false])
  })
})
