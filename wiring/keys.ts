/** The keys of an installation: root, control, host and age identity; made once, never overwritten. */
import { access, chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createAgeIdentity } from '../adapters/crypto/age-identity.ts'
import { createSigningKey, fingerprint, loadSigner, readPublicKey } from '../adapters/crypto/signature.ts'
import type { TrustedKey } from '../domain/repository-format.ts'
import { keyListKey } from '../domain/object-keys.ts'
import { firstKeyList } from '../repository/trust.ts'
import { keyFiles, type Places } from './places.ts'
import { keyListFile } from './trust.ts'

export interface MadeKeys {
  /** Files that were made; the others were there. */
  readonly created: readonly string[]
  readonly rootFingerprint: string
  readonly recipients: readonly string[]
}

/** Idempotent: a key that is there is kept. */
export async function makeKeys(places: Places, host: string): Promise<MadeKeys> {
  await mkdir(places.keys, { recursive: true, mode: 0o700 })
  await chmod(places.keys, 0o700)
  const created: string[] = []
  const at = (name: string) => join(places.keys, name)
  const absent = async (name: string) => !(await access(at(name)).then(() => true, () => false))
  for (const [name, comment] of [
    [keyFiles.root, 'muster root'],
    [keyFiles.control, 'muster control'],
    [keyFiles.host(host), `muster host ${host}`],
  ] as const) {
    if (!(await absent(name))) continue
    await createSigningKey(at(name), comment)
    created.push(at(name))
  }
  if (await absent(keyFiles.identity)) {
    const recipient = await createAgeIdentity(at(keyFiles.identity))
    await writeFile(at(keyFiles.recipients), `${recipient}\n`, { mode: 0o644 })
    created.push(at(keyFiles.identity), at(keyFiles.recipients))
  }
  if (await absent(keyFiles.fingerprint)) {
    await writeFile(at(keyFiles.fingerprint), `${fingerprint(await readPublicKey(at(`${keyFiles.root}.pub`)))}\n`, { mode: 0o644 })
    created.push(at(keyFiles.fingerprint))
  }
  const recipients = (await readFile(at(keyFiles.recipients), 'utf8')).split('\n').filter((line) => line.startsWith('age1'))
  return { created, rootFingerprint: (await readFile(at(keyFiles.fingerprint), 'utf8')).trim(), recipients }
}

/** The first key list, signed by the root key: made once from every key that is here, then kept. */
export async function ensureKeyList(places: Places): Promise<{ readonly key: string; readonly bytes: Buffer }> {
  const path = keyListFile(places)
  const there = await readFile(path).catch(() => null)
  if (there) return { key: keyListKey(1), bytes: there }
  const now = new Date().toISOString()
  const keys: TrustedKey[] = [{ role: 'control', name: 'control', publicKey: await readPublicKey(join(places.keys, `${keyFiles.control}.pub`)), validFrom: now, revokedSince: null }]
  for (const file of (await readdir(places.keys)).sort()) {
    const name = /^host_(.+)_ed25519\.pub$/.exec(file)?.[1]
    if (name) keys.push({ role: 'host', name, publicKey: await readPublicKey(join(places.keys, file)), validFrom: now, revokedSince: null })
  }
  const { key, bytes } = firstKeyList(await loadSigner(join(places.keys, keyFiles.root)), keys, now)
  await mkdir(dirname(path), { recursive: true, mode: 0o711 })
  await writeFile(path, bytes, { mode: 0o600, flush: true })
  return { key, bytes }
}
