/** Everything that a run needs, started in order: a shop at home, a site to go to, and a third place. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '@temporalio/client'
import { formatSize } from '../../domain/durations.ts'
import { makeKeys } from '../../wiring/keys.ts'
import { keyFiles } from '../../wiring/places.ts'
import type { ProcessIdentity } from '../../adapters/process/process.ts'
import { startRun } from '../../clients/runs.ts'
import type { RefreshStandbyResult } from '../../workflows/messages.ts'
import { waitForWal } from './archived.ts'
import { configText } from './config-text.ts'
import { createDatabase, type Database, databaseBytes } from './database.ts'
import { startNameServers, type Zone } from './name-servers.ts'
import type { Plot } from './options.ts'
import { makePeople } from './people.ts'
import type { ScenarioPlaces } from './places.ts'
import { startAgent, startShipper, tell } from './site.ts'
import { startTemporal, startVault, type Vault } from './third-place.ts'
import { startWriter } from './writers.ts'
import type { Teller } from '../demo/tell.ts'

export interface Stage {
  readonly places: ScenarioPlaces
  readonly database: Database
  readonly databaseBytes: number
  readonly vault: Vault
  readonly zone: Zone
  readonly plot: Plot
  /** The Temporal that works now. */
  readonly temporal: { client: Client }
  /** Agent and WAL shipper of the DR site, which its service manager stops before others are started. */
  readonly services: readonly ProcessIdentity[]
  readonly rootFingerprint: string
  /** Of the database. */
  readonly backup: string
}

interface BackupResult {
  readonly outcome: string
  readonly components: readonly { readonly component: string; readonly backup: string; readonly copies: readonly { readonly store: string }[] }[]
}

export async function setUp(places: ScenarioPlaces, plot: Plot, megabytes: number, teller: Teller): Promise<Stage> {
  const database = await createDatabase(places, megabytes)
  const bytes = await databaseBytes(database.shop.primary)
  await writeFile(join(places.sites.primary.uploads, 'logo.txt'), 'first')
  teller.line('Primary site', `PostgreSQL ${database.versionText} with ${formatSize(bytes)}, agent, WAL shipper, a store of its own, secondary name server`)
  const vault = await startVault(places)
  // Lost with the primary where that is killed.
  const client = await startTemporal(places, plot.loss === 'killed' ? 'primary' : 'third')
  const zone = await startNameServers(places)
  const keys = await shareKeys(places)
  const people = await makePeople(places)
  await writeFile(places.sites.primary.muster.configFile, configText(places, { database, vault, zone, people, recipients: keys.recipients, mode: plot.mode }))
  const agent = await startAgent(places, 'dr')
  await startAgent(places, 'primary')
  teller.line('DR site', 'agent, workflow worker, WAL shipper, a store of its own, primary name server, an empty disk')
  teller.line('Third place', `S3 store that both reach, the people who approve${plot.loss === 'killed' ? '' : ', Temporal'}`)
  await tell(places, 'primary', ['apply'])
  await startShipper(places, 'primary')
  const shipper = await startShipper(places, 'dr')
  await startWriter(places, 'primary', database.shop.primary)
  const began = Date.now()
  const done = await tell<BackupResult>(places, 'primary', ['backup', 'shop'])
  const backup = done.components.find(({ component }) => component === 'database')?.backup
  if (done.outcome !== 'succeeded' || backup === undefined) throw new Error(`the first backup ${done.outcome}`)
  await waitForWal(places)
  teller.line('Protected', 'a full backup in both stores; WAL flows', (Date.now() - began) / 1000)
  if (plot.mode === 'warm') await seedStandby(client, teller)
  return {
    places,
    plot,
    database,
    databaseBytes: bytes,
    vault,
    zone,
    temporal: { client },
    services: [agent, shipper],
    rootFingerprint: keys.rootFingerprint,
    backup,
  }
}

/** What the schedule does by itself within a minute; it may be at it already. */
async function seedStandby(client: Client, teller: Teller): Promise<void> {
  const began = Date.now()
  for (let replayed: string | null = null; replayed === null; await sleep(500)) {
    const input = { system: 'shop', requestedBy: 'the scenario' }
    const handle = await startRun(client, { type: 'refreshStandby', system: 'shop', site: 'dr', input, id: 'additive' })
    const { databases } = (await handle.result()) as RefreshStandbyResult
    replayed = databases[0]?.replayedLsn ?? null
  }
  teller.line('DR site', 'a standby of the database, refreshed each minute', (Date.now() - began) / 1000)
}

/** The DR host gets its own key, the identity and the fingerprint: no control key, no root key. */
async function shareKeys({ sites, secrets }: ScenarioPlaces): Promise<{ readonly recipients: readonly string[]; readonly rootFingerprint: string }> {
  const [home, away] = [sites.primary, sites.dr]
  const made = await makeKeys(home.muster, home.host, away.host)
  await mkdir(away.muster.keys, { recursive: true, mode: 0o700 })
  const host = keyFiles.host(away.host)
  for (const name of [host, `${host}.pub`, keyFiles.identity, keyFiles.fingerprint]) await copyFile(join(home.muster.keys, name), join(away.muster.keys, name))
  // What each host has at the same path.
  await copyFile(join(home.muster.keys, keyFiles.identity), join(secrets, 'identity.txt'))
  return made
}
