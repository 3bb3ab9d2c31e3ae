import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Signer } from '../../adapters/crypto/crypto.ts'
import { createSigningKey, createVerifier, fingerprint } from '../../adapters/crypto/signature.ts'
import { loadSigner, readPublicKey } from '../../adapters/crypto/signature.ts'
import { runTool, toolExitOf } from '../../adapters/process/run-tool.ts'
import { type FailureType, MusterError } from '../../domain/failures.ts'
import { type SignedKind, signatureNamespaces } from '../../domain/repository-format.ts'

const kinds = Object.keys(signatureNamespaces) as SignedKind[]
const text = Buffer.from('{"format":"muster-manifest-1","ümlaut":"ß"}\n')
const changedText = Buffer.from('{"format":"muster-manifest-1","ümlaut":"s"}\n')

let directory: string
let keyFile: string
let otherFile: string
let publicKey: string
let otherKey: string
let signer: Signer

function failsWith(type: FailureType, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof MusterError, String(error))
    assert.equal(error.type, type, error.message)
    assert.match(error.message, message)
    return true
  }
}

/** Whether `ssh-keygen -Y verify` accepts it from the given key. */
async function opensshAccepts(namespace: string, armor: string, signed: Buffer, key: string): Promise<boolean> {
  await writeFile(join(directory, 'allowed'), `muster ${key}\n`)
  await writeFile(join(directory, 'sig'), armor)
  const args = ['-Y', 'verify', '-f', join(directory, 'allowed'), '-I', 'muster', '-n', namespace]
  const verify = runTool('ssh-keygen', [...args, '-s', join(directory, 'sig')], { stdin: signed })
  return verify.then(
    () => true,
    (error: unknown) => {
      assert.ok(toolExitOf(error), String(error))
      return false
    },
  )
}

async function opensshSigns(namespace: string, file: string, options: string[] = []): Promise<string> {
  const args = ['-Y', 'sign', '-f', file, '-n', namespace, ...options]
  return (await runTool('ssh-keygen', args, { stdin: text })).stdout
}

describe('signatures', () => {
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'muster-signature-'))
    keyFile = join(directory, 'key')
    otherFile = join(directory, 'other')
    publicKey = await createSigningKey(keyFile, 'muster control')
    otherKey = await createSigningKey(otherFile, '-oops\nssh-ed25519 AAAA')
    signer = await loadSigner(keyFile)
  })
  after(() => rm(directory, { recursive: true, force: true }))

  it('come from keys that are made once and only their owner can read', async () => {
    assert.equal((await stat(keyFile)).mode & 0o777, 0o600)
    assert.equal(signer.publicKey, publicKey)
    assert.match(await readFile(`${keyFile}.pub`, 'utf8'), /^ssh-ed25519 \S+ muster control\n$/)
    assert.equal((await readFile(`${otherFile}.pub`, 'utf8')).trim().split('\n').length, 1)
    const before = await readFile(keyFile, 'utf8')
    await assert.rejects(createSigningKey(keyFile, 'again'), failsWith('PreconditionFailed', /exists already/))
    assert.equal(await readFile(keyFile, 'utf8'), before)
    await assert.rejects(createSigningKey('/no/such/key', 'x'), failsWith('PreconditionFailed', /\/no\/such\/key/))
  })

  it('have the fingerprints that ssh-keygen prints', async () => {
    const { stdout } = await runTool('ssh-keygen', ['-lf', `${keyFile}.pub`])
    assert.equal(fingerprint(publicKey), stdout.split(' ')[1])
    assert.equal(fingerprint(await readFile(`${keyFile}.pub`, 'utf8')), stdout.split(' ')[1])
    assert.equal(await readPublicKey(`${keyFile}.pub`), publicKey)
  })

  for (const kind of kinds) {
    it(`of a ${kind} are accepted by ssh-keygen -Y verify, and only as what they are`, async () => {
      const armor = signer.sign(kind, text)
      const namespace = signatureNamespaces[kind]
      assert.equal(await opensshAccepts(namespace, armor, text, publicKey), true)
      assert.equal(await opensshAccepts(namespace, armor, changedText, publicKey), false)
      assert.equal(await opensshAccepts('muster-other', armor, text, publicKey), false)
      assert.equal(await opensshAccepts(namespace, armor, text, otherKey), false)
    })

    it(`of a ${kind} by ssh-keygen -Y sign are accepted, and only as what they are`, async () => {
      const validFrom = '2026-01-01T00:00:00.000Z'
      const verifier = createVerifier([{ publicKey, name: 'db1', kinds: [kind], validFrom }])
      const armor = await opensshSigns(signatureNamespaces[kind], keyFile)
      assert.deepEqual(verifier.verify(kind, text, armor), { publicKey, name: 'db1', validFrom })
      assert.equal(armor, signer.sign(kind, text), 'the same bytes as ours')
      const sha256 = await opensshSigns(signatureNamespaces[kind], keyFile, ['-O', 'hashalg=sha256'])
      assert.deepEqual(verifier.verify(kind, text, sha256), { publicKey, name: 'db1', validFrom })
      const invalid = failsWith('SignatureInvalid', new RegExp(kind === 'recoveryKit' ? 'recovery kit' : kind))
      assert.throws(() => verifier.verify(kind, changedText, armor), invalid)
      for (const otherKind of kinds.filter((other) => other !== kind)) {
        assert.throws(() => verifier.verify(otherKind, text, armor), failsWith('SignatureInvalid', /made for/))
        const misused = signer.sign(otherKind, text)
        assert.throws(() => verifier.verify(otherKind, text, misused), failsWith('KeyNotTrusted', /not trusted for it/))
      }
      const byOther = await opensshSigns(signatureNamespaces[kind], otherFile)
      assert.throws(() => verifier.verify(kind, text, byOther), failsWith('KeyNotTrusted', /ssh-ed25519/))
    })
  }

  it('that are cut off, flipped or garbage are refused at every byte', () => {
    const verifier = createVerifier([
      { publicKey, kinds: ['manifest'] },
      { publicKey: otherKey, kinds: ['manifest'] },
    ])
    const armor = signer.sign('manifest', text)
    const lines = armor.trim().split('\n')
    const blob = Buffer.from(lines.slice(1, -1).join(''), 'base64')
    const armored = (bytes: Buffer) => `${lines[0]}\n${bytes.toString('base64')}\n${lines.at(-1)}\n`
    assert.ok(verifier.verify('manifest', text, armored(blob)))
    const refused = (bad: string, what: string) =>
      assert.throws(
        () => verifier.verify('manifest', text, bad),
        (error: unknown) => {
          assert.ok(error instanceof MusterError && /^(SignatureInvalid|KeyNotTrusted)$/.test(error.type), String(error))
          return true
        },
        what,
      )
    for (let at = 0; at < blob.length; at++) {
      const changed = Buffer.from(blob)
      changed[at] = (changed[at] as number) ^ 0x80
      refused(armored(changed), `byte ${at}`)
      refused(armored(blob.subarray(0, at)), `cut at ${at}`)
    }
    refused(armored(Buffer.concat([blob, Buffer.from('x')])), 'continued')
    for (const garbage of ['', 'x', lines[0] as string, armor + armor, `x${armor}`, 'A'.repeat(1_000_000)]) {
      refused(garbage, garbage.slice(0, 40))
    }
  })

  it('count only in the time in which the key was trusted', () => {
    const verifier = createVerifier([
      { publicKey, kinds: ['record'], validFrom: '2026-01-01T00:00:00Z', revokedSince: '2026-06-01T00:00:00Z' },
      { publicKey: otherKey, kinds: ['record'], validFrom: '2026-01-01T00:00:00Z', revokedSince: null },
    ])
    const armor = signer.sign('record', text)
    assert.ok(verifier.verify('record', text, armor, '2026-01-01T00:00:00Z'))
    assert.ok(verifier.verify('record', text, armor, '2026-05-31T23:59:59.999Z'))
    for (const at of ['2025-12-31T23:59:59Z', '2026-06-01T00:00:00Z', undefined]) {
      assert.throws(() => verifier.verify('record', text, armor, at), failsWith('KeyNotTrusted', /not valid/))
    }
    assert.throws(() => verifier.verify('record', text, armor, 'soon'), failsWith('InvalidInput', /"soon"/))
  })

  it('need trusted keys that are keys and times that are times', () => {
    for (const wrong of ['', 'ssh-rsa AAAA', 'ssh-ed25519 AAAA', `${publicKey.slice(0, -4)}`, '../key']) {
      assert.throws(() => createVerifier([{ publicKey: wrong, kinds: [] }]), failsWith('InvalidInput', /public key/))
    }
    const revokedSince = 'yesterday'
    assert.throws(() => createVerifier([{ publicKey, kinds: [], revokedSince }]), failsWith('InvalidInput', /yesterday/))
  })

  it('cannot be made with a key that is missing, locked, of another type or damaged', async () => {
    const make = (name: string, args: string[]) => runTool('ssh-keygen', ['-q', '-f', join(directory, name), '-C', 'x', ...args])
    await make('locked', ['-t', 'ed25519', '-N', 'hunter22'])
    await make('ecdsa', ['-t', 'ecdsa', '-N', ''])
    await make('pem', ['-t', 'rsa', '-b', '2048', '-m', 'PEM', '-N', ''])
    await writeFile(join(directory, 'damaged'), (await readFile(keyFile, 'utf8')).replace(/\n.{20}/g, '\n'))
    const load = (name: string) => loadSigner(join(directory, name))
    await assert.rejects(load('missing'), failsWith('SecretMissing', /missing/))
    await assert.rejects(load('locked'), failsWith('PreconditionFailed', /protected by a passphrase/))
    await assert.rejects(load('ecdsa'), failsWith('PreconditionFailed', /of type ecdsa/))
    await assert.rejects(load('pem'), failsWith('PreconditionFailed', /not an OpenSSH private key/))
    await assert.rejects(load('damaged'), failsWith('PreconditionFailed', /damaged/))
    await assert.rejects(load('key.pub'), failsWith('PreconditionFailed', /not an OpenSSH private key/))
    await assert.rejects(load('.'), failsWith('SecretMissing', /EISDIR/))
    await assert.rejects(readPublicKey(keyFile), failsWith('InvalidInput', /public key/))
    assert.ok((await readdir(directory)).length > 0)
  })

  it('are made with keys of any comment length', async () => {
    for (let length = 0; length < 9; length++) {
      const file = join(directory, `padded${length}`)
      const made = await createSigningKey(file, 'c'.repeat(length))
      assert.equal((await loadSigner(file)).publicKey, made)
    }
  })
})
