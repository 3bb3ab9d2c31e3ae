/** What looking for the WAL of a fenced life is about, and how what could not be found is told. */
import type { PostgresqlInstance } from '../adapters/component/postgresql/instance.ts'
import type { StoppedWal, WalSought } from '../adapters/component/postgresql/stopped-wal.ts'
import type { DivergedLife } from '../domain/diverged.ts'
import { parseLsn } from '../domain/wal.ts'
import type { GuardedHost } from './guarded-host.ts'

export type WalSegments = StoppedWal['segments']
export type WalSegmentFile = WalSegments[number]

export interface SoughtWal extends WalSought {
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
  readonly segments: WalSegments
  /** What could not be looked at, in words. */
  readonly problems: readonly string[]
}

export interface LocalWal {
  readonly whole: ReadonlyMap<string, WalSegmentFile>
  /** What was received of a segment may end anywhere, and what follows cannot be read on from there. */
  readonly begun: ReadonlyMap<string, WalSegmentFile>
}

/** What cannot be looked at hides nothing of the rest. */
export async function told<Found>(looking: Promise<Found>, otherwise: Found, what: string, problems: string[]): Promise<Found> {
  return looking.catch((error: Error) => {
    problems.push(`${what}: ${error.message}`)
    return otherwise
  })
}

export interface ReadWal {
  readonly fromLsn: string | null
  readonly endLsn: string | null
  readonly hasHoles: boolean
}

/**
 * In words, what is not counted; null where all is there.
 * @param checkpointLsn of the data: its WAL goes at least so far
 */
export function whatIsGone(forkLsn: string, checkpointLsn: string, { fromLsn, endLsn, hasHoles }: ReadWal, problems: readonly string[]): string | null {
  const nowhere = 'neither in its pg_wal nor with the WAL shipper nor in a store that answers'
  const gone = (): string | null => {
    if (fromLsn === null || endLsn === null) return `nothing from ${forkLsn} on is there, ${nowhere}: what was committed behind it cannot be counted`
    if (parseLsn(fromLsn) > parseLsn(forkLsn)) return `what was committed from ${forkLsn} to ${fromLsn} is not counted: it is ${nowhere}`
    if (hasHoles) return `some WAL in the middle is damaged, or ${nowhere}: what was committed in it is not counted`
    if (parseLsn(endLsn) <= parseLsn(checkpointLsn))
      return `what was committed behind ${endLsn} is not counted: the data goes on to ${checkpointLsn}, and that WAL is ${nowhere}`
    return null
  }
  const looked = problems.length === 0 ? null : `not everything could be looked at: ${problems.join('; ')}`
  return [gone(), looked].filter((one) => one !== null).join('. ') || null
}
