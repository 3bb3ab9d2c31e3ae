/** Forecasts of plans: signed, create-only, one object for each time a plan was made. */
import type { Signer } from '../adapters/crypto/crypto.ts'
import { canonicalJson } from '../domain/canonical-json.ts'
import type { ForecastReference, RestoreForecast } from '../domain/forecast.ts'
import { forecastKey } from '../domain/object-keys.ts'
import { type NamedPlace, type PutEverywhere, putEverywhere } from './put-everywhere.ts'
import { sha256Hex, signDocument } from './signed-document.ts'

export interface StoredForecast extends ForecastReference {
  readonly failed: PutEverywhere['failed']
}

/**
 * Writes a forecast into every store that takes it in time. Never throws for what a store or a missing key says:
 * a plan is needed most where least can be written.
 */
export async function storeForecast(
  places: readonly NamedPlace[],
  signer: () => Promise<Signer>,
  forecast: RestoreForecast,
  secondsEach: number,
): Promise<StoredForecast> {
  const sha256 = sha256Hex(`${canonicalJson(forecast)}\n`)
  const key = forecastKey(forecast.system, forecast.takenAt, sha256)
  if (places.length === 0) return { key, sha256, stores: [], failed: [] }
  const document = signer().then((one) => signDocument(one, 'forecast', forecast))
  return { key, sha256, ...(await putEverywhere(places, key, document, secondsEach)) }
}
