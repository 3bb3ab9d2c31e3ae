/** Systems as they are at the site where each is active, for who works with them from outside. */
import type { Config } from '../domain/config.ts'
import { foldRecords } from '../domain/control-state.ts'
import { MusterError } from '../domain/failures.ts'
import { placed, sitesOf } from '../domain/placement.ts'
import { type ControlRecordsDeps, readRecords } from '../repository/control-records.ts'

/** Only systems with another site are looked up; where no store answers, they are taken to be at home. */
export async function placedWhereActive(whole: Config, records: ControlRecordsDeps): Promise<Config> {
  const sites = new Map<string, string>()
  for (const system of Object.keys(whole.systems)) {
    if (sitesOf(whole, system).length < 2) continue
    const site = await activeSite(records, system)
    if (site !== null) sites.set(system, site)
  }
  return placed(whole, (system) => sites.get(system) ?? null)
}

async function activeSite(records: ControlRecordsDeps, system: string): Promise<string | null> {
  try {
    return foldRecords((await readRecords(records, system)).records).site?.site ?? null
  } catch (error) {
    if (error instanceof MusterError && error.type !== 'SignatureInvalid' && error.type !== 'ManifestInvalid') return null
    throw error
  }
}
