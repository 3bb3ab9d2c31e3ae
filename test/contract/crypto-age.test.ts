import assert from 'node:assert/strict'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAgeDecryption, createAgeEncryption } from '../../adapters/crypto/age.ts'
import { ageRecipientOf, createAgeIdentity } from '../../adapters/crypto/age-identity.ts'
import { findLabelled } from '../../adapters/process/find-processes.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import { type FailureType, MusterError } from '../../domain/failures.ts'
import { mountTmpfs } from '../support/mounts.ts'
import { waitFor } from '../support/rig.ts'

let directory: string
let label: string
let identityFile: string
let recipient: string

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

function failsWith(type: FailureType, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof MusterError, String(error))
    assert.equal(error.type, type, error.message)
    assert.match(error.message, message)
    return true
  }
}

/** A megabyte repeated with its number, so that blocks that change places are noticed. */
function* megabytes(count: number) {
  const block = randomBytes(1024 * 1024)
  for (let n = 0; n < count; n++) {
    block.writeUInt32BE(n)
    yield Buffer.from(block)
  }
}

async function encrypt(plain: Uint8Array, name = 'x.age'): Promise<string> {
  const path = join(directory, name)
  await createAgeEncryption([recipient]).encryptToFile(Readable.from([plain]), path, { label })
  return path
}

async function decrypt(path: string, identity = identityFile): Promise<Buffer> {
  const { plain, done } = createAgeDecryption(identity).decrypt(createReadStream(path), { label })
  const [bytes] = await Promise.all([buffer(plain), done])
  return bytes
}

describe('encryption with age', () => {
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'muster-age-'))
    label = `test/${randomUUID()}`
    identityFile = join(directory, 'identity.txt')
    recipient = await createAgeIdentity(identityFile)
  })
  afterEach(async () => {
    assert.deepEqual(await findLabelled(label), [], 'no process is left')
    await rm(directory, { recursive: true, force: true })
  })

  it('makes an identity that only its owner can read and never overwrites one', async () => {
    assert.equal((await stat(identityFile)).mode & 0o777, 0o600)
    assert.equal(await ageRecipientOf(identityFile), recipient)
    const before = await readFile(identityFile, 'utf8')
    await assert.rejects(createAgeIdentity(identityFile), failsWith('PreconditionFailed', /identity\.txt/))
    assert.equal(await readFile(identityFile, 'utf8'), before)
    await writeFile(join(directory, 'empty'), '')
    await assert.rejects(ageRecipientOf(join(directory, 'empty')), failsWith('IdentityMissing', /empty/))
    await assert.rejects(ageRecipientOf('/no/such'), failsWith('IdentityMissing', /\/no\/such/))
  })

  it('carries 50 MB there and back unchanged, and measures both sides rightly', async () => {
    const path = join(directory, 'big.age')
    const whole = createHash('sha256')
    const source = Readable.from(
      (function* () {
        for (const block of megabytes(50)) {
          whole.update(block)
          yield block
        }
      })(),
    )
    const seen: number[] = []
    const result = await createAgeEncryption([recipient]).encryptToFile(source, path, {
      label,
      onProgress: (bytes) => seen.push(bytes),
    })
    const cipher = await readFile(path)
    const plainSha256 = whole.digest('hex')
    const plainSizeBytes = 50 * 1024 * 1024
    assert.deepEqual(result, { path, sizeBytes: cipher.length, sha256: sha256(cipher), plainSizeBytes, plainSha256 })
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.equal(seen.at(-1), plainSizeBytes)
    const progress: number[] = []
    const { plain, done } = createAgeDecryption(identityFile).decrypt(createReadStream(path), {
      label,
      onProgress: (bytes) => progress.push(bytes),
    })
    const hash = createHash('sha256')
    for await (const chunk of plain) hash.update(chunk as Buffer)
    await done
    assert.equal(hash.digest('hex'), plainSha256)
    assert.equal(progress.at(-1), plainSizeBytes)
  })

  it('carries nothing at all and one byte', async () => {
    assert.equal((await decrypt(await encrypt(Buffer.alloc(0), 'empty.age'))).length, 0)
    assert.deepEqual(await decrypt(await encrypt(Buffer.from('x'), 'one.age')), Buffer.from('x'))
    const none = join(directory, 'none.age')
    const result = await createAgeEncryption([recipient]).encryptToFile(Readable.from([]), none)
    assert.equal(result.plainSizeBytes, 0)
    assert.equal(result.plainSha256, sha256(Buffer.alloc(0)))
  })

  it('lets each of several recipients decrypt alone, and the age program too', async () => {
    const escrow = join(directory, 'escrow.txt')
    const both = createAgeEncryption([recipient, await createAgeIdentity(escrow)])
    assert.equal(both.recipients.length, 2)
    const path = join(directory, 'both.age')
    await both.encryptToFile(Readable.from([Buffer.from('shared')]), path)
    for (const identity of [identityFile, escrow]) {
      assert.equal(String(await decrypt(path, identity)), 'shared')
      assert.equal((await runTool('age', ['-d', '-i', identity, path])).stdout, 'shared')
    }
  })

  it('refuses recipients that are none', () => {
    assert.throws(() => createAgeEncryption([]), failsWith('ConfigInvalid', /at least one/))
    for (const wrong of ['-o/etc/passwd', 'AGE-SECRET-KEY-1QQ', 'age1 x', '/etc/passwd']) {
      assert.throws(() => createAgeEncryption([recipient, wrong]), failsWith('ConfigInvalid', /not an age recipient/))
    }
  })

  it('leaves neither file nor process when a recipient has a typing error', async () => {
    const typo = `${recipient.slice(0, -1)}${recipient.endsWith('q') ? 'p' : 'q'}`
    const path = join(directory, 'x.age')
    const source = Readable.from(megabytes(3))
    const attempt = createAgeEncryption([typo]).encryptToFile(source, path, { label })
    await assert.rejects(attempt, failsWith('CommandFailed', /age/))
    assert.ok(source.destroyed)
    await assert.rejects(access(path))
  })

  it('fails with the reason of a source that breaks off and leaves no file', async () => {
    const path = join(directory, 'x.age')
    const breaking = async function* (error: Error) {
      yield* megabytes(2)
      await sleep(50)
      throw error
    }
    for (const [error, type] of [
      [new MusterError('SourceChanged', 'orders.csv shrank'), 'SourceChanged'],
      [Object.assign(new Error('orders.csv shrank'), { code: 'EIO', errno: -5 }), 'CommandFailed'],
    ] as const) {
      const attempt = createAgeEncryption([recipient]).encryptToFile(Readable.from(breaking(error)), path, { label })
      await assert.rejects(attempt, failsWith(type, /orders\.csv shrank/))
      await assert.rejects(access(path))
    }
    const closed = new PassThrough()
    setTimeout(() => closed.destroy(), 50)
    const attempt = createAgeEncryption([recipient]).encryptToFile(closed, path, { label })
    await assert.rejects(attempt, failsWith('CommandFailed', /broke off/))
    await assert.rejects(access(path))
  })

  it('never writes over a file and leaves that file as it was', async () => {
    const path = await encrypt(Buffer.from('first'))
    await assert.rejects(encrypt(Buffer.from('second')), failsWith('PreconditionFailed', /x\.age.*EEXIST/))
    assert.equal(String(await decrypt(path)), 'first')
    const nowhere = createAgeEncryption([recipient]).encryptToFile(Readable.from(['x']), '/no/such/x.age')
    await assert.rejects(nowhere, failsWith('PreconditionFailed', /ENOENT/))
  })

  it('says that the disk is full, and leaves no file', async () => {
    const small = join(directory, 'small')
    const mount = await mountTmpfs(small, 1)
    try {
      const source = Readable.from(megabytes(8))
      const attempt = createAgeEncryption([recipient]).encryptToFile(source, join(small, 'x.age'), { label })
      await assert.rejects(attempt, failsWith('DiskFull', /x\.age/))
      assert.deepEqual(await readdir(small), [])
      assert.ok(source.destroyed)
    } finally {
      await mount.unmount()
    }
  })

  it('stops on cancel in the middle and leaves neither file nor process', async () => {
    const path = join(directory, 'x.age')
    for (const before of [true, false]) {
      const controller = new AbortController()
      if (before) controller.abort()
      const source = Readable.from(stalling())
      const attempt = createAgeEncryption([recipient]).encryptToFile(source, path, {
        label,
        signal: controller.signal,
        onProgress: () => controller.abort(),
      })
      await assert.rejects(attempt, failsWith('Cancelled', /age/))
      await assert.rejects(access(path))
      assert.ok(source.destroyed)
    }
    const controller = new AbortController()
    const stalled = new PassThrough()
    const { done } = createAgeDecryption(identityFile).decrypt(stalled, { label, signal: controller.signal })
    controller.abort()
    await assert.rejects(done, failsWith('Cancelled', /age/))
    assert.ok(stalled.destroyed)
  })

  async function* stalling() {
    yield* megabytes(1)
    await sleep(60_000, undefined, { ref: false })
  }

  it('refuses a flipped byte wherever it is, and a file that is cut off or continued', async () => {
    const plain = randomBytes(200_000)
    const cipher = await readFile(await encrypt(plain))
    const path = join(directory, 'damaged.age')
    const flipped = (at: number) => Buffer.from(cipher.map((byte, index) => (index === at ? byte ^ 1 : byte)))
    const header = cipher.indexOf('\n---') + 8
    const damaged: [string, Buffer][] = [
      ['version', flipped(3)],
      ['header MAC', flipped(header)],
      ['first chunk', flipped(header + 80)],
      ['middle', flipped(100_000)],
      ['last byte', flipped(cipher.length - 1)],
      ['cut at a chunk', cipher.subarray(0, header + 44 + 16 + 65_552)],
      ['cut by one byte', cipher.subarray(0, -1)],
      ['cut in the header', cipher.subarray(0, 30)],
      ['empty', Buffer.alloc(0)],
      ['continued', Buffer.concat([cipher, Buffer.from('x')])],
      ['twice', Buffer.concat([cipher, cipher])],
    ]
    for (const [what, bytes] of damaged) {
      await writeFile(path, bytes)
      await assert.rejects(decrypt(path), failsWith('ChecksumMismatch', /damaged or cut off/), what)
    }
    // In the part that is meant for one recipient a changed byte cannot be told from a foreign recipient.
    const withByte = (at: number, byte: string) => Buffer.concat([cipher.subarray(0, at), Buffer.from(byte), cipher.subarray(at + 1)])
    await writeFile(path, withByte(60, cipher.toString('latin1', 60, 61) === 'A' ? 'B' : 'A'))
    await assert.rejects(decrypt(path), failsWith('IdentityMissing', /matched/))
    await writeFile(path, withByte(60, '.'))
    await assert.rejects(decrypt(path), failsWith('ChecksumMismatch', /damaged or cut off/))
  })

  it('never ends its output as if it were whole when the bytes are damaged', async () => {
    const cipher = await readFile(await encrypt(randomBytes(500_000)))
    cipher[400_000] = (cipher[400_000] as number) ^ 1
    const { plain, done } = createAgeDecryption(identityFile).decrypt(Readable.from([cipher]), { label })
    let ended = false
    plain.once('end', () => (ended = true))
    plain.resume()
    await assert.rejects(done, failsWith('ChecksumMismatch', /damaged/))
    await sleep(20)
    assert.equal(ended, false)
    assert.ok(plain.errored instanceof MusterError)
  })

  it('says which identity is missing, foreign, unusable or locked', async () => {
    const path = await encrypt(Buffer.from('x'))
    const foreign = join(directory, 'passphrase header payload.txt')
    await createAgeIdentity(foreign)
    await assert.rejects(decrypt(path, foreign), failsWith('IdentityMissing', /no identity in .* matched any of the recipients/))
    await assert.rejects(decrypt(path, '/no/such'), failsWith('IdentityMissing', /cannot read .* \/no\/such/))
    const garbage = join(directory, 'header.txt')
    await writeFile(garbage, 'garbage')
    await assert.rejects(decrypt(path, garbage), failsWith('IdentityMissing', /cannot read/))
    await writeFile(garbage, '')
    await assert.rejects(decrypt(path, garbage), failsWith('IdentityMissing', /cannot read/))
    // What `age -p` makes asks for a passphrase; there is no terminal to ask.
    await writeFile(
      garbage,
      'age-encryption.org/v1\n-> scrypt aCk0VGMZXXoMvGtRwXxH1g 18\n' +
        'q8J5BQ3qYHE3jLbLQbHHcWDJyqlaMQ0kf4yS0YPzEYs\n--- 2eZ1y8p9hYt0dRj3pQBYVIFa1n8lFvl2d9m2sLw4Q9E\n',
    )
    await assert.rejects(decrypt(path, garbage), failsWith('IdentityMissing', /passphrase|cannot read/))
    await chmod(identityFile, 0o600)
  })

  it('passes the failure of its source on', async () => {
    const source = Readable.from(
      (async function* () {
        yield (await readFile(await encrypt(randomBytes(300_000)))).subarray(0, 200_000)
        throw new MusterError('Unreachable', 'the store is gone')
      })(),
    )
    const { plain, done } = createAgeDecryption(identityFile).decrypt(source, { label })
    await assert.rejects(buffer(plain), failsWith('Unreachable', /store is gone/))
    await assert.rejects(done, failsWith('Unreachable', /store is gone/))
  })

  it('ends when the reader of the plain bytes goes away', async () => {
    const path = await encrypt(randomBytes(3_000_000))
    const { plain, done } = createAgeDecryption(identityFile).decrypt(createReadStream(path), { label })
    for await (const _ of plain) break
    await assert.rejects(done, failsWith('CommandFailed', /no longer read|SIGPIPE/))
    const stalled = createAgeDecryption(identityFile).decrypt(new PassThrough(), { label, onProgress: () => {} })
    stalled.plain.destroy()
    await assert.rejects(stalled.done, failsWith('CommandFailed', /no longer read/))
  })

  it('leaves no open file behind', async () => {
    const openFiles = async () => (await readdir('/proc/self/fd')).length
    const once = async (n: number) => {
      const path = await encrypt(randomBytes(100_000), `f${n}`)
      await decrypt(path)
      await encrypt(randomBytes(1), `f${n}`).catch(() => {})
      await decrypt(path, '/no/such').catch(() => {})
    }
    await once(0)
    const before = await openFiles()
    for (let n = 1; n <= 10; n++) await once(n)
    // They are closed in a thread, a moment after the work has ended.
    await waitFor(`${before} open files, as before`, async () => (await openFiles()) <= before)
  })
})
