/**
 * Recovery kits in the stores: one signed document each, with an age file inside it, so that there is never a half of one. They
 * are create-only; what a site has is the fold of its documents.
 */
import { createHmac, randomBytes } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { Decryption, Encryption, Signer, Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { canonicalJson } from '../domain/canonical-json.ts'
import { MusterError } from '../domain/failures.ts'
import { recoveryKitKey, recoveryKitPrefix } from '../domain/object-keys.ts'
import type { KitValues, RecoveryKit } from '../domain/recovery-kit.ts'
import { documentLimitBytes, openDocument, sha256Hex, signDocument, splitDocument } from './signed-document.ts'

export interface StoredKit extends RecoveryKit {
  readonly key: string
  readonly bytes: Buffer
}

export interface SealKit {
  readonly organisation: string
  readonly site: string
  readonly madeAt: string
  readonly configHash: string
  readonly values: ReadonlyMap<string, Buffer>
}

/** Values go to age through a pipe: no plaintext touches a disk. @throws MusterError InvalidInput when it is too large */
export async function sealKit(signer: Signer, encryption: Encryption, { values, ...about }: SealKit): Promise<StoredKit> {
  const plain: KitValues = {
    format: 'muster-recovery-kit-values-1',
    values: Object.fromEntries([...values].map(([name, value]) => [name, value.toString('base64')])),
  }
  const path = join(tmpdir(), `muster-kit-${randomBytes(8).toString('hex')}.age`)
  let sealed: string
  try {
    await encryption.encryptToFile(Readable.from([Buffer.from(canonicalJson(plain))]), path)
    sealed = (await readFile(path)).toString('base64')
  } finally {
    await rm(path, { force: true })
  }
  const kit: RecoveryKit = {
    format: 'muster-recovery-kit-1',
    ...about,
    recipients: [...encryption.recipients].sort(),
    items: [...values].map(([name, value]) => ({ name, mac: valueMac(signer, name, value) })).sort((a, b) => (a.name < b.name ? -1 : 1)),
    sealed,
  }
  const bytes = signDocument(signer, 'recoveryKit', kit)
  if (bytes.length > documentLimitBytes)
    throw new MusterError('InvalidInput', `the recovery kit of site "${about.site}" would have ${bytes.length} bytes, more than ${documentLimitBytes}`, {
      hint: 'name fewer or smaller files under recoveryKit.secrets',
    })
  return { ...kit, key: recoveryKitKey(about.site, about.madeAt, sha256Hex(splitDocument(bytes, about.site).text)), bytes }
}

/** Only who has the signing key can tell from it what a value may be: a plain hash of a password could be guessed at. */
export function valueMac(signer: Signer, name: string, value: Uint8Array): string {
  const secret = signer.sign('recoveryKit', Buffer.from('which values of a recovery kit have changed\n'))
  return createHmac('sha256', secret).update(name).update('\0').update(value).digest('hex')
}

/**
 * The kits of a site in one store, oldest first.
 * @param controlVerifier believes control keys alone
 * @throws MusterError SignatureInvalid | KeyNotTrusted | ManifestInvalid; what the store throws
 */
export async function readKits(store: Store, site: string, controlVerifier: Verifier): Promise<readonly StoredKit[]> {
  const kits: StoredKit[] = []
  for await (const { key } of store.list(recoveryKitPrefix(site))) {
    const bytes = await store.readBytes(key, documentLimitBytes)
    const { value, textSha256 } = openDocument<RecoveryKit>(controlVerifier, 'recoveryKit', bytes, `${store.name}:${key}`)
    if (value.format !== 'muster-recovery-kit-1' || value.site !== site || recoveryKitKey(site, value.madeAt, textSha256) !== key) {
      throw new MusterError('ManifestInvalid', `it is not the recovery kit that its name says [${store.name}:${key}]`)
    }
    kits.push({ ...value, key, bytes })
  }
  return kits.sort((a, b) => (a.madeAt < b.madeAt ? -1 : 1))
}

/** @throws MusterError IdentityMissing, ChecksumMismatch */
export async function openKit(decryption: Decryption, kit: RecoveryKit): Promise<ReadonlyMap<string, Buffer>> {
  const { plain, done } = decryption.decrypt(Readable.from([Buffer.from(kit.sealed, 'base64')]))
  const [bytes] = await Promise.all([buffer(plain), done])
  const { format, values } = JSON.parse(bytes.toString('utf8')) as { readonly format: string } & Pick<KitValues, 'values'>
  if (format !== 'muster-recovery-kit-values-1')
    throw new MusterError('ManifestInvalid', `the recovery kit of site "${kit.site}" has the unknown format "${format}"`)
  return new Map(Object.entries(values).map(([name, value]) => [name, Buffer.from(value, 'base64')]))
}
