/**
 * What a store holds: derived from its signed documents at every look (through a disposable
 * cache), so that losing the catalog loses nothing.
 */
import type { Verifier, VerifiedSigner } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { MusterError } from '../domain/failures.ts'
import { backupsPrefix, componentBackupsPrefix, manifestKey, parseBackupKey } from '../domain/object-keys.ts'
import type { Manifest, Suspicion } from '../domain/repository-format.ts'
import { liftCommand, suspectText, suspicionOf } from '../domain/suspicion.ts'
import type { DocumentCache } from './document-cache.ts'
import { openDocument } from './signed-document.ts'

export interface CatalogDeps {
  readonly verifier: Verifier
  readonly cache: DocumentCache
  /** Manifests that these make doubtful are not believed; where several systems are read, of each its own. */
  readonly suspicions?: readonly Suspicion[] | ((system: string) => readonly Suspicion[])
}

/** A backup that a host under suspicion has signed after the moment. */
export interface DoubtfulBackup {
  readonly key: string
  readonly manifest: Manifest
  /** Why it does not count, and which run says so. */
  readonly why: string
  /** What takes that back, for a person to type. */
  readonly lift: string
}

export interface StoreCatalog {
  readonly store: string
  /** Newest last. */
  readonly manifests: readonly Manifest[]
  /** Manifests that could not be believed, each with the reason. */
  readonly invalid: readonly { readonly key: string; readonly problem: string }[]
  /** Of those the ones that are whole, and under suspicion. */
  readonly doubtful: readonly DoubtfulBackup[]
  /** Backups with objects but no manifest: attempts that died, or are still running. */
  readonly unpublished: readonly {
    readonly system: string
    readonly component: string
    readonly backup: string
    readonly keys: readonly string[]
    readonly newestAt: string
  }[]
  /** Published backups that lack an object they name, or have it with another size. */
  readonly damaged: readonly { readonly backup: string; readonly key: string; readonly problem: string }[]
}

/** Reads one store, or one system of it. @throws what the store throws: an error is never an empty catalog */
export async function readCatalog(deps: CatalogDeps, store: Store, system?: string): Promise<StoreCatalog> {
  const sizes = new Map<string, { sizeBytes: number; modifiedAt: string }>()
  const manifestKeys: string[] = []
  const takenAt = new Map<string, string>()
  for await (const { key, sizeBytes, modifiedAt, takenAt: taken } of store.list(system === undefined ? backupsPrefix : componentBackupsPrefix(system))) {
    const parts = parseBackupKey(key)
    if (!parts) continue
    if (parts.rest === 'manifest.json') {
      manifestKeys.push(key)
      takenAt.set(key, taken ?? modifiedAt)
    } else sizes.set(key, { sizeBytes, modifiedAt })
  }
  const manifests: Manifest[] = []
  const invalid: { key: string; problem: string }[] = []
  const doubtful: DoubtfulBackup[] = []
  for (const key of manifestKeys) {
    try {
      const { manifest, signer } = await openManifestAt(deps, store, key)
      const at = [manifest.endedAt, takenAt.get(key) ?? manifest.endedAt].sort().at(-1) as string
      const signed = { host: signer.name, keyValidFrom: signer.validFrom, at }
      const suspicions = (typeof deps.suspicions === 'function' ? deps.suspicions(manifest.system) : deps.suspicions) ?? []
      const suspicion = suspicionOf(suspicions, signed)
      if (suspicion === null) {
        manifests.push(manifest)
        continue
      }
      const why = `backup ${manifest.backup} of ${manifest.system}/${manifest.component} does not count: ${suspectText(suspicions, signed)}`
      invalid.push({ key, problem: why })
      doubtful.push({ key, manifest, why: `${why} (${suspicion.run} noted it)`, lift: liftCommand(manifest.system, suspicion.run) })
    } catch (error) {
      if (!(error instanceof MusterError) || error.type === 'Unreachable' || error.type === 'CredentialsRejected') throw error
      invalid.push({ key, problem: error.message })
    }
  }
  // Names tell seconds only, and two small backups may be made in one.
  manifests.sort((a, b) => (startOf(a) < startOf(b) ? -1 : 1))
  return { store: store.name, manifests, invalid, doubtful, unpublished: findUnpublished(sizes, manifestKeys), damaged: findDamaged(sizes, manifests) }
}

/** @throws MusterError BackupNotFound | SignatureInvalid | ManifestInvalid */
export async function readManifest(deps: CatalogDeps, store: Store, system: string, component: string, backup: string): Promise<Manifest> {
  try {
    return await readManifestAt(deps, store, manifestKey(system, component, backup))
  } catch (error) {
    if (error instanceof MusterError && error.type === 'ObjectMissing') {
      throw new MusterError('BackupNotFound', `backup "${backup}" of ${system}/${component} is not in store "${store.name}"`, { cause: error })
    }
    throw error
  }
}

async function readManifestAt(deps: CatalogDeps, store: Store, key: string): Promise<Manifest> {
  return (await openManifestAt(deps, store, key)).manifest
}

async function openManifestAt(deps: CatalogDeps, store: Store, key: string): Promise<{ readonly manifest: Manifest; readonly signer: VerifiedSigner }> {
  const place = `${store.name}:${key}`
  const { value, signer } = openDocument<Manifest>(deps.verifier, 'manifest', await deps.cache.read(store, key), place)
  const parts = parseBackupKey(key)
  if (value.format !== 'muster-manifest-1' || value.backup !== parts?.backup || value.system !== parts.system || value.component !== parts.component) {
    throw new MusterError('ManifestInvalid', `the manifest describes another backup than its key says [${place}]`)
  }
  return { manifest: value, signer }
}

function findUnpublished(sizes: ReadonlyMap<string, { modifiedAt: string }>, manifestKeys: readonly string[]) {
  const published = new Set(manifestKeys.map((key) => key.slice(0, -'manifest.json'.length)))
  const found = new Map<string, { system: string; component: string; backup: string; keys: string[]; newestAt: string }>()
  for (const [key, { modifiedAt }] of sizes) {
    const parts = parseBackupKey(key)
    if (!parts) continue
    const prefix = `${backupsPrefix}${parts.system}/${parts.component}/${parts.backup}/`
    if (published.has(prefix)) continue
    const entry = found.get(prefix) ?? { system: parts.system, component: parts.component, backup: parts.backup, keys: [], newestAt: modifiedAt }
    entry.keys.push(key)
    if (modifiedAt > entry.newestAt) entry.newestAt = modifiedAt
    found.set(prefix, entry)
  }
  return [...found.values()]
}

function findDamaged(sizes: ReadonlyMap<string, { sizeBytes: number }>, manifests: readonly Manifest[]) {
  return manifests.flatMap((manifest) =>
    manifest.objects.flatMap((object) => {
      const there = sizes.get(object.key)
      if (there?.sizeBytes === object.sizeBytes) return []
      const problem = there ? `is ${there.sizeBytes} bytes long instead of ${object.sizeBytes}` : 'is missing'
      return [{ backup: manifest.backup, key: object.key, problem }]
    }),
  )
}

function startOf({ startedAt, endedAt, backup }: Manifest): string {
  return `${startedAt} ${endedAt} ${backup}`
}
