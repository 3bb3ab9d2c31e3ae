/**
 * The WAL that a fenced life of a database wrote, wherever it still is: its own `pg_wal` first, then what the WAL shipper
 * received, then what the stores hold, since a server removes what it no longer needs.
 */
import { join } from 'node:path'
import type { PostgresqlInstance } from '../adapters/component/postgresql/instance.ts'
import { findServerProgram } from '../adapters/component/postgresql/programs.ts'
import { type StoppedWal, segmentsIn, type WalSought } from '../adapters/component/postgresql/stopped-wal.ts'
import { readRecordsEnd } from '../adapters/component/postgresql/waldump.ts'
import { decompressToFile } from '../adapters/component/postgresql/wal-compression.ts'
import { createSecretResolver } from '../adapters/secret/resolver.ts'
import { freeBytesAt } from '../activities/free-bytes.ts'
import type { DivergedLife } from '../domain/diverged.ts'
import type { WalShipmentName } from '../domain/object-keys.ts'
import { isSegmentName, parseLsn, parseSegmentName, segmentName, segmentStart } from '../domain/wal.ts'
import { choosePieces, type FetchSegment, groupBySegment } from '../domain/wal-shipments.ts'
import { fetchWal, listShipments } from '../repository/wal-fetch.ts'
import type { Store } from '../adapters/store/store.ts'
import { spoolsOf } from '../workers/shipper-spools.ts'
import { decryptionOf } from './decryption.ts'
import type { GuardedHost } from './guarded-host.ts'
import { hostDirectory, type Places } from './places.ts'
import { createStore } from './stores.ts'
import { localTrust } from './trust.ts'

type Segments = StoppedWal['segments']
type Segment = Segments[number]

interface SoughtWal extends WalSought {
  readonly serverMajor: number
}

export interface LifeAt {
  readonly guarded: GuardedHost
  readonly instance: PostgresqlInstance
  readonly life: DivergedLife
  readonly dataDirectory: string
  /** Stores of this host that answered: one that hangs is not asked again. */
  readonly stores: readonly string[]
}

export interface FoundWal {
  /** In order, each once. */
  readonly segments: Segments
  /** What could not be looked at, in words. */
  readonly problems: readonly string[]
}

/** @param directory what has to be fetched is put there; the caller removes it */
export async function walOfLife(places: Places, at: LifeAt, sought: SoughtWal, directory: string): Promise<FoundWal> {
  const problems: string[] = []
  const whole = new Map<string, Segment>()
  const begun = new Map<string, Segment>()
  const program = await findServerProgram(at.instance, 'pg_waldump', sought.serverMajor)
  for (const place of [join(at.dataDirectory, 'pg_wal'), ...(await spoolsHere(places, at, problems))]) {
    for (const found of await told(segmentsIn(place, sought), [], `${place} cannot be read`, problems)) {
      if (!found.path.endsWith('.partial')) whole.set(found.segment, whole.get(found.segment) ?? found)
      // What was received of it may end anywhere, and what follows cannot be read on from there.
      else begun.set(found.segment, { ...found, endLsn: (await readRecordsEnd(program.path, found.path, found.segment, directory)) ?? found.startLsn })
    }
  }
  const archived = (await archivedSegments(at, sought, whole, problems)).filter(({ segment }) => segment.endLsn > (begun.get(segment.segment)?.endLsn ?? 0n))
  const fetched = (await fetchArchived(places, at, archived, sought, directory, problems)).map((one) => [one.segment, one] as const)
  const segments = [...new Map([...begun, ...fetched, ...whole]).values()]
  return { segments: segments.sort((a, b) => (a.startLsn < b.startLsn ? -1 : 1)), problems }
}

async function spoolsHere(places: Places, { guarded, instance, life }: LifeAt, problems: string[]): Promise<readonly string[]> {
  const root = join(hostDirectory(places, guarded.host), 'wal', `${instance.system}.${instance.component}`)
  return told(spoolsOf(root, life), [], 'what the WAL shipper received cannot be read', problems)
}

/** What cannot be looked at hides nothing of the rest. */
async function told<Found>(looking: Promise<Found>, otherwise: Found, what: string, problems: string[]): Promise<Found> {
  return looking.catch((error: Error) => {
    problems.push(`${what}: ${error.message}`)
    return otherwise
  })
}

interface Archived {
  readonly store: Store
  readonly segment: FetchSegment<WalShipmentName>
}

/** What this host has not whole, each from the store that holds the most of it. */
async function archivedSegments(
  { guarded, instance, life, stores }: LifeAt,
  sought: WalSought,
  whole: ReadonlyMap<string, Segment>,
  problems: string[],
): Promise<readonly Archived[]> {
  const best = new Map<string, Archived>()
  for (const name of stores) {
    const store = createStore(guarded.config, name, createSecretResolver())
    const listing = listShipments(store, instance.system, instance.component, life.incarnation)
    const shipments = groupBySegment(await told(listing, [], `store "${name}" does not say what it holds`, problems))
    for (const segment of missing(shipments, sought, whole)) {
      const known = best.get(segment.segment)
      if (!known || segment.endLsn > known.segment.endLsn) best.set(segment.segment, { store, segment })
    }
  }
  return [...best.values()]
}

function missing(
  shipments: ReadonlyMap<string, readonly WalShipmentName[]>,
  { timelineId, fromLsn, segmentSizeBytes }: WalSought,
  local: ReadonlyMap<string, Segment>,
): FetchSegment<WalShipmentName>[] {
  const first = segmentName(timelineId, segmentStart(fromLsn, segmentSizeBytes), segmentSizeBytes)
  return [...shipments].flatMap(([segment, names]) => {
    if (!isSegmentName(segment) || segment < first || local.has(segment)) return []
    const { startLsn, timelineId: timeline } = parseSegmentName(segment, segmentSizeBytes)
    const pieces = choosePieces(names, segment, segmentSizeBytes)
    const last = pieces.at(-1)
    return timeline === timelineId && last && last.endLsn > fromLsn ? [{ segment, startLsn, endLsn: last.endLsn, pieces }] : []
  })
}

async function fetchArchived(
  places: Places,
  { guarded, instance, life }: LifeAt,
  archived: readonly Archived[],
  { segmentSizeBytes }: WalSought,
  directory: string,
  problems: string[],
): Promise<Segments> {
  if (archived.length === 0) return []
  const neededBytes = archived.length * segmentSizeBytes
  const freeBytes = await freeBytesAt(directory)
  // The database and the shipper of this host may need the same disk.
  if (neededBytes > freeBytes / 2) {
    const [needed, free] = [neededBytes, freeBytes].map((bytes) => `${Math.ceil(bytes / 1024 ** 2)} MiB`)
    problems.push(
      `the archive holds ${archived.length} segments more, and ${directory} has no room for ${needed}: ${free} are free, of which half is left alone`,
    )
    return []
  }
  const fetched: Segment[] = []
  const { verifier } = await localTrust(places)
  for (const store of new Set(archived.map((one) => one.store))) {
    const segments = archived.filter((one) => one.store === store).map((one) => one.segment)
    const place = { system: instance.system, component: instance.component, incarnation: life.incarnation }
    const fetching = async () => {
      const decryption = await decryptionOf(guarded.config, null)
      await fetchWal({ store, decryption, verifier, decompressToFile }, place, { segmentSizeBytes, segments, histories: [], endLsn: 0n }, directory)
    }
    await told(fetching(), undefined, `of ${segments.length} segments in store "${store.name}" some cannot be read`, problems)
    // Those before one that cannot be read are whole.
    const there = new Set((await segmentsIn(directory, { timelineId: life.timelineId, fromLsn: 0n, segmentSizeBytes })).map((one) => one.segment))
    fetched.push(
      ...segments
        .filter(({ segment }) => there.has(segment))
        .map(({ segment, startLsn, endLsn }) => ({ segment, path: join(directory, segment), startLsn, endLsn })),
    )
  }
  return fetched
}

/** In words, what is not counted; null where all is there. */
export function whatIsGone(forkLsn: string, read: { readonly fromLsn: string | null; readonly hasHoles: boolean }, problems: readonly string[]): string | null {
  const because = problems.length > 0 ? ` (${problems.join('; ')})` : ''
  const nowhere = 'neither in its pg_wal nor with the WAL shipper nor in a store that answers'
  if (read.fromLsn === null) return `nothing from ${forkLsn} on is there, ${nowhere}: what was committed behind it cannot be counted${because}`
  if (parseLsn(read.fromLsn) > parseLsn(forkLsn)) return `what was committed from ${forkLsn} to ${read.fromLsn} is not counted: it is ${nowhere}${because}`
  return read.hasHoles ? `some WAL in the middle is ${nowhere}: what was committed in it is not counted${because}` : null
}
