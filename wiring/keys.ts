/** Makes the keys of an installation: what is there is kept, what is missing is made, nothing is ever overwritten. */
import { chmod, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ageRecipientOf, createAgeIdentity } from '../adapters/crypto/age-identity.ts'
import { createSigningKey, fingerprint, loadSigner, readPublicKey } from '../adapters/crypto/signature.ts'
import { createSecretResolver } from '../adapters/secret/resolver.ts'
import type { Config } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'
import { keyListKey } from '../domain/object-keys.ts'
import type { TrustedKey } from '../domain/repository-format.ts'
import { firstKeyList, readTrust } from '../repository/trust.ts'
import { createFile } from './create-file.ts'
import { keyFiles, type Places } from './places.ts'
import { createStore } from './stores.ts'
import { keyListFile, localTrust, pinnedFingerprint, trustTools } from './trust.ts'
import { within } from '../repository/within.ts'

const storeSeconds = 15

export interface MadeKeys {
  /** Files that were made now. */
  readonly created: readonly string[]
  /** Files that were there already. */
  readonly kept: readonly string[]
  readonly rootFingerprint: string
  readonly recipients: readonly string[]
  /** False where the root key has been moved away. */
  readonly rootKeyHere: boolean
}

/**
 * Root, control and host keys, age identity and recipients, and the pinned fingerprint. Idempotent.
 * @throws MusterError KeyNotTrusted when what is there does not belong together, PreconditionFailed when the
 *   directory cannot be written
 */
export async function makeKeys(places: Places, ...hosts: readonly string[]): Promise<MadeKeys> {
  const created: string[] = []
  const kept: string[] = []
  await makeKeyDirectory(places.keys)
  const root = join(places.keys, keyFiles.root)
  const pinFile = join(places.keys, keyFiles.fingerprint)
  await dropEmpty(pinFile)
  const pinned = await textOf(pinFile)
  const rootKeyHere = pinned === null || (await textOf(root)) !== null
  const note = (path: string, isNew: boolean) => (isNew ? created : kept).push(path)
  if (rootKeyHere) note(root, await makeKey(root, 'muster root'))
  const found = rootKeyHere ? fingerprint(await readPublicKey(`${root}.pub`)) : null
  if (pinned !== null && found !== null && pinned !== found) {
    throw new MusterError('KeyNotTrusted', `${root} has the fingerprint ${found}, but ${pinned} is pinned in ${pinFile}`, {
      hint: 'put back the root key that belongs to this installation, or use another key directory: MUSTER_KEYS',
    })
  }
  if (pinned === null) await createFile(pinFile, `${found}\n`, 0o600)
  note(pinFile, pinned === null)
  await refuseUnlisted(places, hosts)
  const control = join(places.keys, keyFiles.control)
  note(control, await makeKey(control, 'muster control'))
  for (const host of hosts) {
    const path = join(places.keys, keyFiles.host(host))
    note(path, await makeKey(path, `muster host ${host}`))
  }
  const identity = join(places.keys, keyFiles.identity)
  await dropEmpty(identity)
  const identityIsNew = (await textOf(identity)) === null
  const recipient = identityIsNew ? await createAgeIdentity(identity) : await ageRecipientOf(identity)
  note(identity, identityIsNew)
  const recipientsFile = join(places.keys, keyFiles.recipients)
  const text = await textOf(recipientsFile)
  if (text === null) await createFile(recipientsFile, recipientsText(recipient), 0o600)
  note(recipientsFile, text === null)
  return { created, kept, rootFingerprint: pinned ?? (found as string), recipients: await readRecipients(places), rootKeyHere }
}

/**
 * The first key list of this installation, in `<home>/keys`; signed once, by the root key, and the same ever after.
 * It names the control key and each host key whose public half is here. With a config it is looked for in the
 * stores before one is made, so that a lost state directory loses nothing.
 * @throws MusterError KeyNotTrusted | SecretMissing | PreconditionFailed
 */
export async function ensureKeyList(places: Places, config?: Config): Promise<{ readonly key: string; readonly bytes: Buffer }> {
  const path = keyListFile(places)
  const there = await readFile(path).catch(() => null)
  if (there !== null) {
    await localTrust(places)
    return { key: keyListKey(1), bytes: there }
  }
  const known = config ? await listInStores(places, config) : null
  if (known !== null) {
    await createFile(path, known, 0o644)
    return { key: keyListKey(1), bytes: await readFile(path) }
  }
  const at = new Date().toISOString()
  const root = await loadSigner(join(places.keys, keyFiles.root)).catch((cause: unknown) => {
    if (!(cause instanceof MusterError)) throw cause
    throw new MusterError(cause.type, cause.message, {
      cause,
      hint: 'the first apply needs the root key, to sign whom this installation believes: run muster init, or put the key back',
    })
  })
  const keys: TrustedKey[] = [
    { role: 'control', name: 'control', publicKey: await readPublicKey(join(places.keys, `${keyFiles.control}.pub`)), validFrom: at, revokedSince: null },
  ]
  for (const file of (await readdir(places.keys)).sort()) {
    const name = /^host_(.+)_ed25519\.pub$/.exec(file)?.[1]
    if (name === undefined) continue
    keys.push({ role: 'host', name, publicKey: await readPublicKey(join(places.keys, file)), validFrom: at, revokedSince: null })
  }
  const { bytes } = firstKeyList(root, keys, at)
  await createFile(path, bytes, 0o644)
  // Of two that made one at the same moment, both go on with the one that is there.
  return { key: keyListKey(1), bytes: await readFile(path) }
}

/** The list this installation signed earlier, where only this host's own copy of it was lost. */
async function listInStores(places: Places, config: Config): Promise<Buffer | null> {
  const pinned = await pinnedFingerprint(places)
  const secrets = createSecretResolver()
  for (const name of Object.keys(config.stores)) {
    const found = await within(storeSeconds, async () => {
      const store = createStore(config, name, secrets)
      const { list } = await readTrust(store, pinned, trustTools)
      return list.sequence === 1 ? store.readBytes(keyListKey(1)) : null
    }).catch((error: unknown) => {
      // No list, another installation's list, or no answer: what counts there is for apply to say.
      if (error instanceof MusterError) return null
      throw error
    })
    if (found !== null) return found
  }
  return null
}

/** Public age keys of the recipients file; empty where there is none. */
export async function readRecipients(places: Places): Promise<readonly string[]> {
  const text = (await textOf(join(places.keys, keyFiles.recipients))) ?? ''
  return text.split('\n').flatMap((line) => (line.trim() === '' || line.trim().startsWith('#') ? [] : [line.trim()]))
}

async function makeKeyDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await chmod(directory, 0o700)
  } catch (cause) {
    throw new MusterError('PreconditionFailed', `cannot make the key directory ${directory} (${(cause as NodeJS.ErrnoException).code})`, {
      cause,
      hint: 'run as the user that runs Muster, or name another directory: MUSTER_KEYS',
    })
  }
}

/** @returns whether it was made now */
async function makeKey(path: string, comment: string): Promise<boolean> {
  await dropEmpty(path)
  await dropEmpty(`${path}.pub`)
  if ((await textOf(path)) === null) {
    await createSigningKey(path, comment)
    return true
  }
  // The public half can be made again from the private one.
  if ((await textOf(`${path}.pub`)) === null) await createFile(`${path}.pub`, `${(await loadSigner(path)).publicKey} ${comment}\n`, 0o644)
  return false
}

/** A key that the signed list does not name would be believed by nobody: making one only hides that the right one is lost. */
async function refuseUnlisted(places: Places, hosts: readonly string[]): Promise<void> {
  if ((await textOf(keyListFile(places))) === null) return
  for (const name of [keyFiles.control, ...hosts.map((host) => keyFiles.host(host))]) {
    const path = join(places.keys, name)
    if ((await textOf(path)) !== null) continue
    throw new MusterError('KeyNotTrusted', `${path} is missing, and a new key would not be in the signed key list of this installation`, {
      hint: 'put the key file back; this version cannot exchange keys',
    })
  }
}

/** A file without a byte is what a full disk leaves; nothing is lost with it. */
async function dropEmpty(path: string): Promise<void> {
  const facts = await stat(path).catch(() => null)
  if (facts?.isFile() && facts.size === 0) await rm(path)
}

/** Null when it is not there or empty; trimmed. @throws MusterError PreconditionFailed when it is there and cannot be read */
async function textOf(path: string): Promise<string | null> {
  return readFile(path, 'utf8').then(
    (text) => text.trim() || null,
    (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return null
      throw new MusterError('PreconditionFailed', `${path} cannot be read (${cause.code})`, { cause, hint: 'run as the user that owns the keys' })
    },
  )
}

function recipientsText(recipient: string): string {
  return `# Everything is encrypted to each of these; any one of their identities can read it.
# Add an escrow key whose identity is kept elsewhere: age-keygen -o escrow.txt, on another machine.
${recipient}
`
}
