/** What the stores hold of the WAL of a fenced life that its own host has not any more. */
import { join } from 'node:path'
import { decompressToFile } from '../adapters/component/postgresql/wal-compression.ts'
import { segmentsIn, type WalSought } from '../adapters/component/postgresql/stopped-wal.ts'
import type { Decryption, Verifier } from '../adapters/crypto/crypto.ts'
import { createSecretResolver } from '../adapters/secret/resolver.ts'
import type { Store } from '../adapters/store/store.ts'
import { freeBytesAt } from '../activities/free-bytes.ts'
import type { WalShipmentName } from '../domain/object-keys.ts'
import { isSegmentName, parseSegmentName, segmentName, segmentStart } from '../domain/wal.ts'
import { choosePieces, type FetchSegment, groupBySegment } from '../domain/wal-shipments.ts'
import { fetchWal, listShipments, type WalPlace } from '../repository/wal-fetch.ts'
import { within } from '../repository/within.ts'
import { decryptionOf } from './decryption.ts'
import { type LifeAt, type LocalWal, told, type WalSegmentFile, type WalSegments } from './diverged-life.ts'
import type { Places } from './places.ts'
import { createStore } from './stores.ts'
import { localTrust } from './trust.ts'

/** Of one store; a life of years has many shipments. */
const listSeconds = 120

interface Archived {
  readonly store: Store
  readonly segment: FetchSegment<WalShipmentName>
}

/** Each segment from the first store that gives it, the one that holds the most of it first. */
export async function archivedWal(places: Places, at: LifeAt, sought: WalSought, local: LocalWal, directory: string, problems: string[]): Promise<WalSegments> {
  const found = await archivedSegments(at, sought, local, problems)
  const wanted = await thatFit([...found.values()], sought.segmentSizeBytes, directory, problems)
  if (wanted.length === 0) return []
  const decryption = await told(decryptionOf(at.guarded.config, null), null, 'the stores hold more of it', problems)
  if (decryption === null) return []
  const { verifier } = await localTrust(places)
  const place = { system: at.instance.system, component: at.instance.component, incarnation: at.life.incarnation }
  const fetched: WalSegmentFile[] = []
  for (const choices of wanted) {
    const one = await fetchOne(choices, { decryption, verifier, place, sought }, directory, problems)
    if (one) fetched.push(one)
  }
  return fetched
}

/** By segment, the stores that hold more of it than this host does, the one with the most first. */
async function archivedSegments({ guarded, instance, life, stores }: LifeAt, sought: WalSought, local: LocalWal, problems: string[]) {
  const found = new Map<string, Archived[]>()
  // Those at this site first: of two that hold the same, the near one gives it sooner.
  for (const name of [...stores].reverse()) {
    const store = createStore(guarded.config, name, createSecretResolver())
    const listing = within(listSeconds, () => listShipments(store, instance.system, instance.component, life.incarnation), `store "${name}"`)
    const shipments = groupBySegment(await told(listing, [], `store "${name}" does not say what it holds`, problems))
    for (const segment of missing(shipments, sought, local)) found.set(segment.segment, [...(found.get(segment.segment) ?? []), { store, segment }])
  }
  for (const choices of found.values()) choices.sort((a, b) => (a.segment.endLsn === b.segment.endLsn ? 0 : a.segment.endLsn > b.segment.endLsn ? -1 : 1))
  return found
}

function missing(
  shipments: ReadonlyMap<string, readonly WalShipmentName[]>,
  { timelineId, fromLsn, segmentSizeBytes }: WalSought,
  { whole, begun }: LocalWal,
): readonly FetchSegment<WalShipmentName>[] {
  const first = segmentName(timelineId, segmentStart(fromLsn, segmentSizeBytes), segmentSizeBytes)
  return [...shipments].flatMap(([segment, names]) => {
    if (!isSegmentName(segment) || segment < first || whole.has(segment)) return []
    const { startLsn, timelineId: timeline } = parseSegmentName(segment, segmentSizeBytes)
    const pieces = choosePieces(names, segment, segmentSizeBytes)
    const endLsn = pieces.at(-1)?.endLsn ?? 0n
    return timeline === timelineId && endLsn > fromLsn && endLsn > (begun.get(segment)?.endLsn ?? 0n) ? [{ segment, startLsn, endLsn, pieces }] : []
  })
}

/** The oldest first, as many as leave half of what is free: the database and the shipper of this host may need the same disk. */
async function thatFit(found: readonly Archived[][], segmentSizeBytes: number, directory: string, problems: string[]): Promise<readonly Archived[][]> {
  const oldest = [...found].sort(([a], [b]) => ((a?.segment.segment ?? '') < (b?.segment.segment ?? '') ? -1 : 1))
  const most = Math.floor((await freeBytesAt(directory)) / 2 / segmentSizeBytes)
  if (oldest.length > most) problems.push(`the stores hold ${oldest.length} segments more, and half of what is free at ${directory} has room for ${most}`)
  return oldest.slice(0, most)
}

interface FetchParts {
  readonly decryption: Decryption
  readonly verifier: Verifier
  readonly place: WalPlace
  readonly sought: WalSought
}

async function fetchOne(
  choices: readonly Archived[],
  { decryption, verifier, place, sought }: FetchParts,
  directory: string,
  problems: string[],
): Promise<WalSegmentFile | null> {
  const { timelineId, segmentSizeBytes } = sought
  const failed: string[] = []
  for (const { store, segment } of choices) {
    const plan = { segmentSizeBytes, segments: [segment], histories: [], endLsn: segment.endLsn }
    const fetching = fetchWal({ store, decryption, verifier, decompressToFile }, place, plan, directory)
    await told(fetching, null, `${segment.segment} in store "${store.name}" cannot be read`, failed)
    const there = await segmentsIn(directory, { timelineId, fromLsn: segment.startLsn, segmentSizeBytes })
    if (there.some((one) => one.segment === segment.segment))
      return { segment: segment.segment, path: join(directory, segment.segment), startLsn: segment.startLsn, endLsn: segment.endLsn }
  }
  problems.push(...failed)
  return null
}
