/** What a store holds of the WAL of the database. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { shipperRequest } from '../../adapters/component/postgresql/shipper-client.ts'
import { shipperSocket } from '../../wiring/places.ts'
import { acknowledgedAt } from './writers.ts'
import type { ScenarioPlaces } from './places.ts'

const withinSeconds = 60

/** Until the third place has a commit that was made after the backup. */
export async function waitForWal(places: ScenarioPlaces): Promise<void> {
  const { host, muster } = places.sites.primary
  const since = (await acknowledgedAt(places, 'primary')).at(-1)?.ackedAt ?? Date.now()
  for (const deadline = Date.now() + withinSeconds * 1000; Date.now() < deadline; await sleep(200)) {
    const status = await shipperRequest(shipperSocket(muster, host), 'status', undefined).catch(() => null)
    const shipped = status?.instances[0]?.stores.find(({ store }) => store === 'vault')?.lastCommitAt
    if (shipped && Date.parse(shipped) >= since) return
  }
  throw new Error(`no WAL from after the backup reached the store of the third place within ${withinSeconds} s; see the log of the shipper`)
}

/** Objects of WAL that the primary's own store got after a moment: a fenced side that nobody stops goes on archiving. */
export async function archivedSince({ sites }: ScenarioPlaces, moment: number): Promise<number> {
  const wal = join(sites.primary.store, 'wal', 'shop', 'database')
  let found = 0
  for (const incarnation of await readdir(wal)) {
    const objects = join(wal, incarnation, 'objects')
    for (const name of await readdir(objects).catch(() => [] as string[])) if ((await stat(join(objects, name))).mtimeMs > moment) found++
  }
  return found
}
