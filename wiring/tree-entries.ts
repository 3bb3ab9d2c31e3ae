/** Entries of a tree backup for the command line: its index is fetched, decrypted on this host, and gone afterwards. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { files } from '../adapters/component/files/files.ts'
import type { SecretResolver } from '../adapters/secret/secret.ts'
import type { Config } from '../domain/config.ts'
import type { FilesManifest } from '../domain/repository-format.ts'
import type { TreeEntry } from '../domain/tree-index.ts'
import { createBackupSource } from '../repository/read-backup.ts'
import { decryptionOf } from './decryption.ts'
import { createStore } from './stores.ts'

/** @throws MusterError IdentityMissing | ChecksumMismatch | ManifestInvalid; what the store throws */
export async function* treeEntries(
  config: Config,
  secrets: SecretResolver,
  manifest: FilesManifest,
  storeName: string,
  identityFile: string | null,
): AsyncGenerator<TreeEntry> {
  const directory = await mkdtemp(join(tmpdir(), 'muster-ls-'))
  try {
    const source = createBackupSource(createStore(config, storeName, secrets), await decryptionOf(config, identityFile), manifest)
    yield* files.readIndex(source, directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
