/** What was encrypted is opened with the identity of the host that asks. */
import { readFile } from 'node:fs/promises'
import { createAgeDecryption } from '../adapters/crypto/age.ts'
import type { Decryption } from '../adapters/crypto/crypto.ts'
import type { Config } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'

/**
 * The identity is a file on this host; it is never copied, and never in an input.
 * @param identityFile instead of the configured one
 * @throws MusterError IdentityMissing
 */
export async function decryptionOf(config: Config, identityFile: string | null): Promise<Decryption> {
  const reference = config.encryption.identity
  if (identityFile === null && !reference.startsWith('file:'))
    throw new MusterError('IdentityMissing', `encryption.identity must be file:/path, not ${reference}`)
  const path = identityFile ?? reference.slice('file:'.length)
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null) throw new MusterError('IdentityMissing', `the age identity ${path} cannot be read on this host`)
  return createAgeDecryption(path)
}
