/** The newest backup of each component of a system, in the stores that answered. */
import { join } from 'node:path'
import type { Store } from '../../adapters/store/store.ts'
import type { Manifest } from '../../domain/repository-format.ts'
import { readCatalog } from '../../repository/catalog.ts'
import { createDocumentCache } from '../../repository/document-cache.ts'
import { readSystemChains } from '../../repository/system-chains.ts'
import { hostDirectory } from '../places.ts'
import { localTrust } from '../trust.ts'
import type { Examined } from './findings.ts'
import type { ExaminedStore } from './stores.ts'

export interface NewestBackup {
  readonly manifest: Manifest
  readonly store: Store
}

/** What is wrong with a store or a document is told where stores are examined, and left out here. */
export async function newestBackups(
  { places, hosts, applied }: Examined,
  stores: ReadonlyMap<string, ExaminedStore>,
  system: string,
): Promise<ReadonlyMap<string, NewestBackup>> {
  const newest = new Map<string, NewestBackup>()
  const trust = applied ? await localTrust(places).catch(() => null) : null
  if (!trust) return newest
  const { verifier } = trust
  const cache = createDocumentCache(join(hostDirectory(places, hosts[0] ?? 'localhost'), 'catalog'))
  const asked = [...stores].map(([name, { store }]) => ({ name, open: async () => store }))
  const { suspicions } = await readSystemChains({ places: asked, verifier, secondsEach: 10 }, [system])
  for (const { store } of stores.values()) {
    const catalog = await readCatalog({ verifier, cache, suspicions }, store, system).catch(() => null)
    const damaged = new Set(catalog?.damaged.map(({ backup }) => backup))
    for (const manifest of catalog?.manifests ?? []) {
      if (manifest.kind === 'forensic' || damaged.has(manifest.backup)) continue
      const known = newest.get(manifest.component)
      if (!known || known.manifest.backup < manifest.backup) newest.set(manifest.component, { manifest, store })
    }
  }
  return newest
}
