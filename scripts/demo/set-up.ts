/** Everything that the demo needs, started in order: a shop with customers, three stores, and Muster beside it. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ProcessIdentity } from '../../adapters/process/process.ts'
import { makeKeys } from '../../wiring/keys.ts'
import { configText } from './config-text.ts'
import { type Muster, startMuster } from './muster.ts'
import { openPostOffice, type PostOffice } from './notices.ts'
import type { DemoPlaces } from './places.ts'
import { createDatabase, type ShopDatabase } from './postgres.ts'
import { startPart } from './processes.ts'
import { ownCommand } from './programs.ts'
import { type OffsiteStore, startOffsite } from './s3.ts'
import { type ShopService, startShop } from './service.ts'
import type { Teller } from './tell.ts'
import { fillUploads } from './uploads.ts'
import type { WriterConfig } from './writer.ts'

export interface Stage {
  readonly places: DemoPlaces
  readonly database: ShopDatabase
  readonly service: ShopService
  readonly offsite: OffsiteStore
  readonly postOffice: PostOffice
  readonly muster: Muster
  readonly writer: ProcessIdentity
}

const everyMs = 20

export async function setUp(places: DemoPlaces, tell: Teller): Promise<Stage> {
  tell.begin('Starting')
  const database = await createDatabase(places)
  await fillUploads(places.disk.uploads)
  tell.part(`postgres ${database.versionText}`)
  const service = await startShop(places, database.shop)
  const writer = await startWriter(places, database)
  tell.part('shop service')
  const offsite = await startOffsite(places)
  const postOffice = await openPostOffice(places)
  tell.part('three stores')
  const { recipients } = await makeKeys(places.muster, 'localhost')
  await writeFile(places.muster.configFile, configText(places, { database, service, offsite, postOffice, recipients }))
  const muster = await startMuster(places)
  tell.part(`temporal (ui ${muster.uiUrl})`)
  tell.end()
  return { places, database, service, offsite, postOffice, muster, writer }
}

async function startWriter(places: DemoPlaces, { shop }: ShopDatabase): Promise<ProcessIdentity> {
  const file = join(places.secrets, 'writer.json')
  await writeFile(file, JSON.stringify({ connection: shop, record: places.markers, everyMs } satisfies WriterConfig), { mode: 0o600 })
  return startPart(places, 'writer', [...ownCommand('scripts/demo/writer'), file])
}
