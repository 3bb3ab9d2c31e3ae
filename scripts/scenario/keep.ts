/** What --keep leaves behind, and how a person uses it. */
import type { Teller } from '../demo/tell.ts'
import { on } from './network.ts'
import type { ScenarioPlaces, SiteName } from './places.ts'
import { temporalAddress, temporalUi } from './third-place.ts'

export function leaveStanding({ sites, base }: ScenarioPlaces, tell: Teller): void {
  tell.plain()
  tell.plain(`  The machines stay up; their files are in ${base}. Work at a site:`)
  for (const site of ['primary', 'dr'] as const) tell.plain(`    ${wordsAt(sites, site)} bin/muster status`)
  tell.plain(`  Temporal      ${on('third').join(' ')} curl ${temporalUi}`)
  tell.plain(`  End it        npm run scenario -- two-sites --stop`)
}

function wordsAt(sites: ScenarioPlaces['sites'], site: SiteName): string {
  const { configFile, home, keys } = sites[site].muster
  return `${on(site).join(' ')} env MUSTER_CONFIG=${configFile} MUSTER_HOME=${home} MUSTER_KEYS=${keys} TEMPORAL_ADDRESS=${temporalAddress}`
}
