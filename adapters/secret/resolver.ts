import { MusterError } from '../../domain/failures.ts'
import { readEnvironmentSecret } from './env.ts'
import { readFileSecret } from './file.ts'
import type { SecretResolver } from './secret.ts'

/**
 * Resolves `env:NAME` and `file:/path` where it runs, anew at each call, so that a changed secret counts
 * at once and none is kept.
 */
export function createSecretResolver(): SecretResolver {
  return { resolve }
}

async function resolve(reference: string): Promise<string> {
  if (reference.startsWith('env:')) return readEnvironmentSecret(reference.slice('env:'.length))
  if (reference.startsWith('file:')) return readFileSecret(reference.slice('file:'.length))
  // What is no reference may be the secret itself: it is not repeated.
  throw new MusterError('SecretMissing', 'a secret is given by a value instead of a reference', {
    hint: 'write env:NAME or file:/absolute/path, and change a secret that stood in a configuration file',
  })
}
