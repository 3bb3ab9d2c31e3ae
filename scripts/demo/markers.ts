/** What the writer was told is safe, and what the database really has. */
import { readFile } from 'node:fs/promises'
import { type ShopConnection, query } from './postgres.ts'
import type { Marker } from './writer.ts'

export async function acknowledged(record: string): Promise<readonly Marker[]> {
  const text = await readFile(record, 'utf8').catch(() => '')
  // The last line may be half written at this moment.
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Marker)
}

export async function inDatabase(connection: ShopConnection): Promise<ReadonlySet<number>> {
  const rows = await query<{ number: string }>(connection, 'select number from orders')
  return new Set(rows.map(({ number }) => Number(number)))
}

export interface MarkerFigures {
  /** Acknowledged before the target. */
  readonly expected: number
  readonly found: number
  /** Acknowledged after the target and before the recovery, and nevertheless there. */
  readonly afterTargetFound: number
}

/**
 * Compares at a moment that was chosen. What was under way at that very moment may be there or not.
 * @param leftOut numbers that an earlier recovery left out on purpose
 */
export function compareAt(
  markers: readonly Marker[],
  found: ReadonlySet<number>,
  targetMs: number,
  untilNumber: number,
  leftOut: ReadonlySet<number>,
): MarkerFigures {
  const before = markers.filter((one) => one.ackedAt < targetMs && !leftOut.has(one.number))
  const after = markers.filter((one) => one.sentAt > targetMs + 1 && one.number <= untilNumber)
  return {
    expected: before.length,
    found: before.filter((one) => found.has(one.number)).length,
    afterTargetFound: after.filter((one) => found.has(one.number)).length + [...leftOut].filter((number) => found.has(number)).length,
  }
}

/** The last number that was acknowledged at or before a moment. */
export function lastBefore(markers: readonly Marker[], moment: number): number {
  return markers.filter(({ ackedAt }) => ackedAt <= moment).at(-1)?.number ?? 0
}
