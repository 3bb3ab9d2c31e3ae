import type { SecretResolver } from '../adapters/secret/secret.ts'
import { MusterError } from '../domain/failures.ts'

/**
 * A key for Amazon's services, or what speaks like them, from a secret of the form `ACCESS_KEY_ID:SECRET_ACCESS_KEY`.
 * @throws MusterError SecretMissing, also for a secret of another form
 */
export async function accessKey(secrets: SecretResolver, reference: string): Promise<{ accessKeyId: string; secretAccessKey: string }> {
  const text = await secrets.resolve(reference)
  const colon = text.indexOf(':')
  if (colon < 1) throw new MusterError('SecretMissing', `the secret ${reference} is not of the form ACCESS_KEY_ID:SECRET_ACCESS_KEY`)
  return { accessKeyId: text.slice(0, colon), secretAccessKey: text.slice(colon + 1) }
}
