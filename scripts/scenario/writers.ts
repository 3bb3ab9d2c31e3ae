/** Clients of the shop that never stop: one at the primary site itself, one outside that is led to the DR site. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { acknowledged } from '../demo/markers.ts'
import type { ShopConnection } from '../demo/postgres.ts'
import { ownCommand } from '../demo/programs.ts'
import type { Marker, WriterConfig } from '../demo/writer.ts'
import { startOn } from './machine.ts'
import type { ScenarioPlaces, SiteName } from './places.ts'

const everyMs = 25
/** Markers of the DR site have numbers that the primary's never reach. */
const behind: Readonly<Record<SiteName, number>> = { primary: 0, dr: 1_000_000 }

export async function startWriter(places: ScenarioPlaces, site: SiteName, connection: ShopConnection): Promise<void> {
  const file = join(places.secrets, `writer-${site}.json`)
  const config: WriterConfig = { connection, record: places.sites[site].markers, everyMs, behind: behind[site] }
  await writeFile(file, JSON.stringify(config), { mode: 0o600 })
  await startOn(places, site === 'primary' ? 'primary' : 'third', `writer-${site}`, [...ownCommand('scripts/demo/writer'), file])
}

export function acknowledgedAt({ sites }: ScenarioPlaces, site: SiteName): Promise<readonly Marker[]> {
  return acknowledged(sites[site].markers)
}
