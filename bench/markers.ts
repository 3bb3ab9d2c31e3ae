/**
 * Numbered commits beside the load. Of each one that the server acknowledged we know when, and an LSN at which it was
 * on the server's disk: whoever holds the WAL up to there has the marker.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { TestCluster } from '../test/support/postgres-cluster.ts'
import { type Lsn, parseLsn } from '../domain/wal.ts'

export interface Marker {
  readonly number: number
  readonly acknowledgedMs: number
  /** Not before the end of its commit record. */
  readonly lsn: Lsn
}

export interface MarkerWriter {
  /** Acknowledged so far, oldest first. */
  readonly markers: readonly Marker[]
  /** @throws when a commit failed before it was told to stop */
  stop(): Promise<void>
}

const everyMs = 100

export async function createMarkerTable(cluster: TestCluster): Promise<void> {
  await cluster.sql('create table markers (n int primary key, at timestamptz not null default clock_timestamp()); grant select on markers to muster')
}

export async function startMarkers(cluster: TestCluster): Promise<MarkerWriter> {
  const { host, port, database } = cluster.config.connection
  const client = new pg.Client({ host, port, user: 'postgres', database })
  let stopped = false
  let failure: unknown = null
  client.on('error', () => undefined)
  await client.connect()
  const markers: Marker[] = []
  const writing = (async () => {
    for (let number = 1; !stopped; number++) {
      await client.query('insert into markers (n) values ($1)', [number])
      const acknowledgedMs = Date.now()
      const { rows } = await client.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn')
      markers.push({ number, acknowledgedMs, lsn: parseLsn(rows[0]?.lsn ?? '') })
      await sleep(everyMs)
    }
  })().catch((error: unknown) => {
    if (!stopped) failure = error
  })
  return {
    markers,
    async stop() {
      stopped = true
      await writing
      await client.end().catch(() => undefined)
      if (failure instanceof Error) throw failure
    },
  }
}

/** The newest that WAL up to an LSN holds. LSNs of markers ascend. */
export function newestWithin(markers: readonly Marker[], untilLsn: Lsn): Marker | null {
  return markers.findLast(({ lsn }) => lsn <= untilLsn) ?? null
}
