/** Where everything of the scenario lies. All sites share this file system; what each of them uses of it is its own. */
import { createHash } from 'node:crypto'
import { chmod, cp, lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { packageRoot } from '../../wiring/agent.ts'
import type { Places } from '../../wiring/places.ts'

export type SiteName = 'primary' | 'dr'

export interface SitePlaces {
  /** As muster.yaml names it. */
  readonly host: string
  readonly muster: Places
  /** Of PostgreSQL: socket, log and the data directory. */
  readonly database: string
  readonly dataDirectory: string
  readonly uploads: string
  /** The store that only this site reaches. */
  readonly store: string
  readonly nameServer: string
  /** Markers that were acknowledged to the client of this site. */
  readonly markers: string
}

export interface ScenarioPlaces {
  /** Inside the clone: the report and the logs. */
  readonly outcome: string
  readonly report: string
  readonly base: string
  readonly sites: Readonly<Record<SiteName, SitePlaces>>
  readonly secrets: string
  readonly people: string
  readonly s3: string
  readonly temporal: string
  readonly logs: string
  /** Restored by hand, for comparison. */
  readonly bare: string
  /** What the run inside the namespaces found. */
  readonly found: string
}

const mark = '.muster-scenario'

/** Tells the clones of a machine apart. */
export function cloneId(): string {
  return createHash('sha256').update(packageRoot()).digest('hex').slice(0, 6)
}

export function scenarioPlaces(): ScenarioPlaces {
  const outcome = join(packageRoot(), '.muster', 'scenarios')
  // PostgreSQL runs as another user, who cannot look into a clone that is closed to others.
  const base = join('/var/tmp', `muster-scenario-${cloneId()}`)
  const siteOf = (site: SiteName, host: string): SitePlaces => {
    const at = join(base, site)
    return {
      host,
      muster: { configFile: join(base, 'muster.yaml'), home: join(at, 'muster'), keys: join(at, 'keys') },
      database: join(at, 'database'),
      dataDirectory: join(at, 'database', 'main'),
      uploads: join(at, 'uploads'),
      store: join(at, 'store'),
      nameServer: join(at, 'name-server'),
      markers: join(at, 'markers.jsonl'),
    }
  }
  return {
    outcome,
    report: join(outcome, 'two-sites.json'),
    base,
    sites: { primary: siteOf('primary', 'db1'), dr: siteOf('dr', 'dr1') },
    secrets: join(base, 'secrets'),
    people: join(base, 'people'),
    s3: join(base, 'third', 's3'),
    temporal: join(base, 'third', 'temporal'),
    logs: join(base, 'logs'),
    bare: join(base, 'bare'),
    found: join(base, 'found.json'),
  }
}

/** Empty directories, whatever an earlier run left. */
export async function preparePlaces(places: ScenarioPlaces): Promise<void> {
  await removeData(places)
  await mkdir(places.base, { mode: 0o711 })
  await writeFile(join(places.base, mark), '')
  for (const { muster, database, uploads, nameServer } of Object.values(places.sites)) {
    for (const directory of [database, uploads, nameServer]) await makeOpen(places.base, directory)
    await mkdir(muster.home, { recursive: true, mode: 0o711 })
  }
  for (const directory of [places.logs, places.bare]) await makeOpen(places.base, directory)
  for (const directory of [places.secrets, places.people, places.temporal, join(places.s3, 'buckets')]) await mkdir(directory, { recursive: true, mode: 0o700 })
}

/** Directories that PostgreSQL's user may pass through. */
async function makeOpen(base: string, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o711 })
  for (let path = directory; path !== base; path = join(path, '..')) await chmod(path, 0o711)
}

export async function removeData({ base }: ScenarioPlaces): Promise<void> {
  const names = await readdir(base).catch(() => null)
  if (names === null) return
  const facts = await lstat(base)
  // Anyone may make a directory in /var/tmp.
  if (!facts.isDirectory() || facts.uid !== 0 || !names.includes(mark)) throw new Error(`${base} is not a scenario's; remove it, then try again`)
  await rm(base, { recursive: true, force: true })
}

/** Copies the logs into the clone, where a person looks for them. */
export async function keepLogs(places: ScenarioPlaces, run: string): Promise<string> {
  const into = join(places.outcome, 'logs', run)
  await rm(into, { recursive: true, force: true })
  await mkdir(into, { recursive: true })
  await cp(places.logs, into, { recursive: true }).catch(() => undefined)
  for (const [site, { database }] of Object.entries(places.sites)) {
    await cp(join(database, 'server.log'), join(into, `${site}-postgresql.log`)).catch(() => undefined)
  }
  return into
}
