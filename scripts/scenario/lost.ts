/** What a database has of the markers that were acknowledged, and what that says about a move. */
import { inDatabase } from '../demo/markers.ts'
import type { ShopConnection } from '../demo/postgres.ts'
import type { Marker } from '../demo/writer.ts'

export interface Lost {
  /** Acknowledged and expected to be there. */
  readonly expected: number
  readonly markersLost: number
  /** From the last of them that is there to the last of all. */
  readonly secondsLost: number
  /** Numbers that are there. */
  readonly found: ReadonlySet<number>
}

export async function lookForLost(connection: ShopConnection, expected: readonly Marker[]): Promise<Lost> {
  return lookForLostIn(await inDatabase(connection), expected)
}

export function lookForLostIn(found: ReadonlySet<number>, expected: readonly Marker[]): Lost {
  const lost = expected.filter(({ number }) => !found.has(number))
  const last = expected.at(-1)?.ackedAt ?? 0
  const kept = expected.findLast(({ number }) => found.has(number))?.ackedAt
  const secondsLost = kept === undefined ? Infinity : (last - kept) / 1000
  return { expected: expected.length, markersLost: lost.length, secondsLost: lost.length === 0 ? 0 : secondsLost, found }
}

/** Those of them that are there although they must not be. */
export function present(markers: readonly Marker[], found: ReadonlySet<number>): number {
  return markers.filter(({ number }) => found.has(number)).length
}
