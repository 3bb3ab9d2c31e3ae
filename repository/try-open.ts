/** Whether an identity opens a backup, tried without harm: nothing of it is kept, and no plaintext comes to a disk. */
import type { Decryption } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { MusterError } from '../domain/failures.ts'
import type { Manifest } from '../domain/repository-format.ts'
import { openObject, type ReadOptions } from './read-backup.ts'

/**
 * Opens the beginning of the smallest object: age gives its first bytes out only when an identity fits and they are authentic.
 * @returns why it could not be tried, where that is not the identity's fault; empty where it opens
 * @throws MusterError IdentityMissing, Cancelled
 */
export async function tryOpen(store: Store, decryption: () => Promise<Decryption>, manifest: Manifest, options: ReadOptions): Promise<readonly string[]> {
  const identity = await decryption()
  const [smallest] = manifest.objects.filter(({ plainSizeBytes }) => plainSizeBytes > 0).sort((a, b) => a.sizeBytes - b.sizeBytes)
  if (!smallest) return []
  const enough = new AbortController()
  const signal = AbortSignal.any([enough.signal, ...(options.signal ? [options.signal] : [])])
  const { plain, done } = openObject(store, identity, smallest, { ...options, signal })
  const first = new Promise<void>((resolve) => plain.once('data', () => resolve()))
  // Destroyed with what ends it, which `done` tells too.
  plain.on('error', () => undefined)
  try {
    await Promise.race([first, done])
    return []
  } catch (error) {
    options.signal?.throwIfAborted()
    if (!(error instanceof MusterError) || error.type === 'IdentityMissing') throw error
    return [`whether the identity opens backup ${manifest.backup} could not be tried: ${error.message}`]
  } finally {
    enough.abort()
    await done.catch(() => undefined)
  }
}
