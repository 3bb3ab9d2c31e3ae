/** muster.yaml as this installation reads it: recipients from its own key directory. */
import { loadConfig, type LoadedConfig } from '../config/load.ts'
import { readRecipients } from './keys.ts'
import type { Places } from './places.ts'

/** @throws MusterError ConfigInvalid | NotSupported */
export async function loadHere(places: Places, options: { readonly recipientsWhereNone?: readonly string[] } = {}): Promise<LoadedConfig> {
  const recipients = await readRecipients(places)
  return loadConfig(places.configFile, { recipients: recipients.length > 0 ? recipients : (options.recipientsWhereNone ?? []) })
}
