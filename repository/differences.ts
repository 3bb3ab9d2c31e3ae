/** What a restore would change, file by file: signed, encrypted to the recipients, create-only, one object for each look. */
import { randomUUID } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { Decryption, Encryption, Signer, Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { MusterError } from '../domain/failures.ts'
import { differenceKey } from '../domain/object-keys.ts'
import type { ShownDifference, StoredDifference } from '../domain/shown-difference.ts'
import { type NamedPlace, type PutEverywhere, putEverywhere } from './put-everywhere.ts'
import { openDocument, sha256Hex, signDocument, splitDocument } from './signed-document.ts'

/** Never throws for what a store says: a plan is needed most where least can be written. */
export async function storeDifference(
  places: readonly NamedPlace[],
  signer: Signer,
  encryption: Encryption,
  difference: StoredDifference,
  { stagingDirectory, secondsEach }: { readonly stagingDirectory: string; readonly secondsEach: number },
): Promise<PutEverywhere & Pick<ShownDifference, 'key' | 'sha256'>> {
  const bytes = signDocument(signer, 'forecast', difference)
  const sha256 = sha256Hex(splitDocument(bytes, difference.component).text)
  const key = differenceKey(difference.system, difference.takenAt, sha256)
  const path = join(stagingDirectory, `difference-${randomUUID()}.age`)
  try {
    await encryption.encryptToFile(Readable.from([bytes]), path)
    return { key, sha256, ...(await putEverywhere(places, key, await readFile(path), secondsEach)) }
  } finally {
    await rm(path, { force: true })
  }
}

const largestBytes = 256 * 1024 * 1024

/**
 * The whole of what a plan shows the beginning of.
 * @throws MusterError IdentityMissing | SignatureInvalid | ManifestInvalid; what the store throws
 */
export async function readDifference(store: Store, verifier: Verifier, decryption: Decryption, { key, sha256 }: ShownDifference): Promise<StoredDifference> {
  const place = `${store.name}:${key}`
  const { plain, done } = decryption.decrypt(Readable.from([await store.readBytes(key, largestBytes)]))
  const [bytes] = await Promise.all([buffer(plain), done])
  const { value, textSha256 } = openDocument<StoredDifference>(verifier, 'forecast', bytes, place)
  if (value.format !== 'muster-difference-1' || textSha256 !== sha256)
    throw new MusterError('ManifestInvalid', `it is not the difference that the plan names [${place}]`)
  return value
}
