/**
 * The WAL that a fenced life of a database wrote, wherever it still is: its own `pg_wal` first, then what the WAL shipper
 * received, then what the stores hold, since a server removes what it no longer needs.
 */
import { join } from 'node:path'
import { findServerProgram } from '../adapters/component/postgresql/programs.ts'
import { segmentsIn, type WalSought } from '../adapters/component/postgresql/stopped-wal.ts'
import { readRecordsEnd } from '../adapters/component/postgresql/waldump.ts'
import { segmentStart } from '../domain/wal.ts'
import { spoolsOf } from '../workers/shipper-spools.ts'
import { archivedWal } from './diverged-archive.ts'
import { type FoundWal, type LifeAt, type LocalWal, type SoughtWal, told, type WalSegmentFile, type WalSegments } from './diverged-life.ts'
import { hostDirectory, type Places } from './places.ts'

/** @param directory what has to be fetched is put there; the caller removes it */
export async function walOfLife(places: Places, at: LifeAt, sought: SoughtWal, directory: string): Promise<FoundWal> {
  const problems: string[] = []
  const { whole, begun } = await walHere(places, at, sought, directory, problems)
  // What is newest is here, in `pg_wal`; the stores are asked only for what is missing before it.
  const missing = isUnbroken([...whole.values()], sought) ? [] : await archivedWal(places, at, sought, { whole, begun }, directory, problems)
  const fetched = missing.map((one) => [one.segment, one] as const)
  return { segments: inOrder([...new Map([...begun, ...fetched, ...whole]).values()]), problems }
}

async function walHere(places: Places, at: LifeAt, sought: SoughtWal, directory: string, problems: string[]): Promise<LocalWal> {
  const whole = new Map<string, WalSegmentFile>()
  const begun = new Map<string, WalSegmentFile>()
  const program = await findServerProgram(at.instance, 'pg_waldump', sought.serverMajor)
  for (const place of [join(at.dataDirectory, 'pg_wal'), ...(await spoolsHere(places, at, problems))]) {
    for (const found of await told(segmentsIn(place, sought), [], `${place} cannot be read`, problems)) {
      if (!found.path.endsWith('.partial')) {
        whole.set(found.segment, whole.get(found.segment) ?? found)
        continue
      }
      const endLsn =
        (await told(readRecordsEnd(program.path, found.path, found.segment, directory), null, `${found.path} cannot be read`, problems)) ?? found.startLsn
      if (endLsn > (begun.get(found.segment)?.endLsn ?? 0n)) begun.set(found.segment, { ...found, endLsn })
    }
  }
  return { whole, begun }
}

async function spoolsHere(places: Places, { guarded, instance, life }: LifeAt, problems: string[]): Promise<readonly string[]> {
  const root = join(hostDirectory(places, guarded.host), 'wal', `${instance.system}.${instance.component}`)
  return told(spoolsOf(root, life), [], 'what the WAL shipper received cannot be read', problems)
}

function isUnbroken(segments: WalSegments, { fromLsn, segmentSizeBytes }: WalSought): boolean {
  let next = segmentStart(fromLsn, segmentSizeBytes)
  for (const { startLsn, endLsn } of inOrder(segments)) {
    if (startLsn !== next) return false
    next = endLsn
  }
  return segments.length > 0
}

function inOrder(segments: WalSegments): WalSegments {
  return [...segments].sort((a, b) => (a.startLsn < b.startLsn ? -1 : 1))
}
