/** Replay kits: once for each code, files first and the signed document last. */
import type { Signer, Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import type { KitFile, ReplayKit } from '../domain/audit.ts'
import { MusterError } from '../domain/failures.ts'
import { kitKey, kitObjectKey } from '../domain/object-keys.ts'
import { copyObject, type CopyOptions } from './copy-between.ts'
import { gzipObject, readGzipObject } from './gzip-object.ts'
import { documentLimitBytes, openDocument, signDocument } from './signed-document.ts'

/** What a host has of a code. */
export interface LocalKit extends Pick<ReplayKit, 'code' | 'muster' | 'node' | 'sdk'> {
  readonly files: readonly { readonly name: KitFile['name']; readonly content: Buffer }[]
}

/** Publishes a kit; one that is there stays as it is. */
export async function publishKit(store: Store, signer: Signer, local: LocalKit, writer: ReplayKit['writer'], directory: string): Promise<void> {
  if (await store.stat(kitKey(local.code))) return
  const files: KitFile[] = []
  for (const { name, content } of local.files) {
    const object = await gzipObject(directory, content, (sha256) => kitObjectKey(local.code, sha256))
    try {
      const { sizeBytes, sha256 } = object.reference
      await store.putFile(object.reference.key, { path: object.path, sizeBytes, sha256 })
      files.push({ name, ...object.reference })
    } finally {
      await object.remove()
    }
  }
  const { code, muster, node, sdk } = local
  const kit: ReplayKit = { format: 'muster-kit-1', code, muster, node, sdk, files, writer }
  await store.putBytes(kitKey(code), signDocument(signer, 'kit', kit))
}

/** @throws MusterError ObjectMissing, SignatureInvalid, KeyNotTrusted, ManifestInvalid */
export async function readKit(store: Store, verifier: Verifier, code: string): Promise<ReplayKit> {
  const key = kitKey(code)
  const { value } = openDocument<ReplayKit>(verifier, 'kit', await store.readBytes(key, documentLimitBytes), `${store.name}:${key}`)
  const bundle = value.files.find(({ name }) => name === 'workflow-bundle.js')
  if (value.format !== 'muster-kit-1' || value.code !== code || bundle?.plainSha256 !== code) {
    throw new MusterError('ManifestInvalid', `${key} is the kit of another code [${store.name}]`)
  }
  return value
}

/** Content of a kit's files by name, proven. @throws MusterError ObjectMissing, ChecksumMismatch */
export async function readKitFiles(store: Store, kit: ReplayKit): Promise<ReadonlyMap<KitFile['name'], Buffer>> {
  return new Map(await Promise.all(kit.files.map(async (file) => [file.name, await readGzipObject(store, file)] as const)))
}

/** @returns whether `from` has it, and `to` has it now */
export async function copyKit(from: Store, to: Store, verifier: Verifier, code: string, options: CopyOptions): Promise<boolean> {
  if (await to.stat(kitKey(code))) return true
  if (!(await from.stat(kitKey(code)))) return false
  const kit = await readKit(from, verifier, code)
  for (const file of kit.files) await copyObject(from, to, file, options)
  await to.putBytes(kitKey(code), await from.readBytes(kitKey(code), documentLimitBytes))
  return true
}
