/** Where everything of the demo lies. What PostgreSQL touches must be reachable for its operating-system user. */
import { createHash } from 'node:crypto'
import { chmod, cp, lstat, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { packageRoot } from '../../wiring/agent.ts'
import { closedToOthers } from '../../wiring/closed-to-others.ts'
import { keyFiles, type Places } from '../../wiring/places.ts'

export interface DemoPlaces {
  /** Inside the clone: the report, the logs, and how to use what --keep left running. */
  readonly outcome: string
  /** Everything else; the same as `outcome` where PostgreSQL's user can reach that. */
  readonly base: string
  readonly muster: Places
  readonly identity: string
  /** What is lost with the host's disks. */
  readonly disk: { readonly database: string; readonly dataDirectory: string; readonly uploads: string }
  readonly stores: { readonly local: string; readonly nas: string }
  readonly s3: string
  readonly secrets: string
  readonly run: string
  readonly logs: string
  /** Each marker that the database acknowledged to the writer. */
  readonly markers: string
  /** Each notice that reached a mailbox or the webhook. */
  readonly received: string
  readonly report: string
  readonly running: string
  readonly env: string
}

const mark = '.muster-demo'

export async function demoPlaces(): Promise<DemoPlaces> {
  const outcome = join(packageRoot(), '.muster', 'demo')
  const base = await reachable(outcome)
  const configFile = join(base, 'muster.yaml')
  const keys = join(base, 'keys')
  return {
    outcome,
    base,
    muster: { configFile, home: join(base, '.muster'), keys },
    identity: join(keys, keyFiles.identity),
    disk: {
      database: join(base, 'disk', 'database'),
      dataDirectory: join(base, 'disk', 'database', 'main'),
      uploads: join(base, 'disk', 'shop', 'uploads'),
    },
    stores: { local: join(base, 'stores', 'local'), nas: join(base, 'stores', 'nas') },
    s3: join(base, 's3'),
    secrets: join(base, 'secrets'),
    run: join(base, 'run'),
    logs: join(base, 'logs'),
    markers: join(base, 'markers.jsonl'),
    received: join(base, 'received.jsonl'),
    report: join(outcome, 'report.json'),
    running: join(outcome, 'running.json'),
    env: join(outcome, 'env'),
  }
}

/** Root's PostgreSQL runs as another user, who cannot look into a clone that is closed to others. */
async function reachable(outcome: string): Promise<string> {
  if (process.geteuid?.() !== 0 || (await closedToOthers(outcome)) === null) return outcome
  return join('/var/tmp', `muster-demo-${createHash('sha256').update(packageRoot()).digest('hex').slice(0, 12)}`)
}

/** Empty directories, whatever an earlier run left. The report of that run goes too: it must not look like this one's. */
export async function preparePlaces(places: DemoPlaces): Promise<void> {
  await removeData(places)
  await rm(places.report, { force: true })
  await rm(join(places.outcome, 'logs'), { recursive: true, force: true })
  await mkdir(places.outcome, { recursive: true })
  await mkdir(places.base, { recursive: true })
  await refuseForeign(places.base)
  await chmod(places.base, 0o711)
  await writeFile(join(places.base, mark), '')
  for (const directory of [places.logs, places.run, dirname(places.disk.uploads), dirname(places.stores.local)]) {
    await mkdir(directory, { recursive: true, mode: 0o711 })
    await chmod(directory, 0o711)
  }
  await chmod(dirname(places.disk.database), 0o711).catch(() => undefined)
  for (const directory of [places.secrets, join(places.s3, 'buckets')]) await mkdir(directory, { recursive: true, mode: 0o700 })
}

/** Anyone may make a directory in /var/tmp. */
async function refuseForeign(base: string): Promise<void> {
  const facts = await lstat(base)
  if (facts.isDirectory() && facts.uid === process.geteuid?.()) return
  throw new Error(`${base} belongs to someone else; remove it, then try again`)
}

/** Data, keys and state of the demo; what it wrote into the clone stays. */
export async function removeData(places: DemoPlaces): Promise<void> {
  const names = await readdir(places.base).catch(() => [] as string[])
  if (names.length === 0) return
  await refuseForeign(places.base)
  if (places.base !== places.outcome) {
    if (!names.includes(mark)) throw new Error(`${places.base} is not a demo's; remove it, then try again`)
    await rm(places.base, { recursive: true, force: true })
    return
  }
  const kept = ['report.json', 'logs', 'demo.pid']
  for (const name of names.filter((one) => !kept.includes(one))) await rm(join(places.base, name), { recursive: true, force: true })
}

/** Copies the logs into the clone, where a person looks for them. */
export async function keepLogs(places: DemoPlaces): Promise<string> {
  const into = join(places.outcome, 'logs')
  if (into !== places.logs) await rm(into, { recursive: true, force: true })
  await mkdir(into, { recursive: true })
  for (const from of [places.logs, join(places.muster.home, 'logs')]) {
    if (from !== into) await cp(from, into, { recursive: true }).catch(() => undefined)
  }
  return into
}
