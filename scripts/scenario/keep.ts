/** What --keep leaves behind, and how a person uses it. */
import type { Teller } from '../demo/tell.ts'
import { addresses, type Machine, on } from './network.ts'
import type { Plot } from './options.ts'
import type { ScenarioPlaces, SiteName } from './places.ts'
import { temporalPort, temporalUiPort } from './third-place.ts'

export function leaveStanding({ sites, base }: ScenarioPlaces, { loss }: Plot, tell: Teller): void {
  const temporalAt = loss === 'killed' ? 'dr' : 'third'
  tell.plain()
  tell.plain(`  The machines stay up; their files are in ${base}. Work at a site:`)
  for (const site of ['primary', 'dr'] as const) tell.plain(`    ${wordsAt(sites, site, temporalAt)} bin/muster status`)
  tell.plain(`  Temporal      ${on('third').join(' ')} curl http://${addresses[temporalAt]}:${temporalUiPort}`)
  tell.plain(`  End it        npm run scenario -- two-sites --stop`)
}

function wordsAt(sites: ScenarioPlaces['sites'], site: SiteName, temporalAt: Machine): string {
  const { configFile, home, keys } = sites[site].muster
  return `${on(site).join(' ')} env MUSTER_CONFIG=${configFile} MUSTER_HOME=${home} MUSTER_KEYS=${keys} TEMPORAL_ADDRESS=${addresses[temporalAt]}:${temporalPort}`
}
