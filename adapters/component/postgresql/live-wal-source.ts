/** The WAL source of a running instance: this room's parts behind the shipper's one interface. */
import { mkdir, readFile, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type pg from 'pg'
import { MusterError } from '../../../domain/failures.ts'
import { parseLsn } from '../../../domain/wal.ts'
import { lookUpUser } from '../../process/operating-system-user.ts'
import { withConnection } from './connection.ts'
import { connectionFailure } from './database-failures.ts'
import { nameOf, osUserOf } from './instance.ts'
import type { PostgresqlInstance } from './instance.ts'
import { openClient } from './open-client.ts'
import { findServerProgram, majorOf } from './programs.ts'
import { startReceiver } from './receiver.ts'
import { advanceAnchor, dropSlots, ensureSlots, observeSlots, renewSlots, slotName } from './slots.ts'
import { openSpool } from './spool.ts'
import { emitTick } from './tick.ts'
import { readCommitTimes, readRecordsEnd } from './waldump.ts'
import type { ConnectionOverride, FreeSpace, SourceFacts, SourceObservation, WalSource } from './wal-source.ts'
import { compressRange } from './wal-compression.ts'

/** Opens nothing yet: a spool can be read and shipped also where the server and its data directory are gone. */
export async function openWalSource(configured: PostgresqlInstance, override: ConnectionOverride | null): Promise<WalSource> {
  const instance = override === null ? configured : overridden(configured, override)
  const ownerOf = async () => {
    const runAs = await osUserOf(instance)
    return runAs === undefined ? undefined : lookUpUser(runAs)
  }
  return {
    identify: () => identify(instance),
    observe: () => observe(instance),
    ensureSlots: () => ensureSlots(instance),
    renewSlots: () => renewSlots(instance),
    dropSlots: () => dropSlots(instance),
    advanceAnchor: (lsn) => advanceAnchor(instance, lsn),
    tick: () => emitTick(instance),
    hasSegment: (segment) => hasSegment(instance, segment),
    startReceiver: (spool) => startReceiver(instance, spool),
    openSpool: (directory, timelineId, segmentSizeBytes) => openSpool(directory, timelineId, segmentSizeBytes, ownerOf),
    async commitTimes(range, workDirectory) {
      await mkdir(workDirectory, { recursive: true, mode: 0o700 })
      return readCommitTimes(await waldumpOf(instance), range, workDirectory)
    },
    async recordsEnd(path, segment, workDirectory) {
      await mkdir(workDirectory, { recursive: true, mode: 0o700 })
      return readRecordsEnd(await waldumpOf(instance), path, segment, workDirectory)
    },
    compress: compressRange,
    freeSpace: (spoolDirectory) => freeSpace([spoolDirectory, join(instance.config.dataDirectory, 'pg_wal')]),
  }
}

function overridden(instance: PostgresqlInstance, override: ConnectionOverride): PostgresqlInstance {
  const connection = { ...instance.config.connection, host: override.socketDirectory, port: override.port }
  return { ...instance, config: { ...instance.config, connection } }
}

/** Over the replication protocol, which knows the timeline at once, also right after a promotion. */
async function identify(instance: PostgresqlInstance): Promise<SourceFacts> {
  const { connection } = instance.config
  const where = `${nameOf(instance)} at ${connection.host} port ${connection.port}`
  const config = {
    host: connection.host,
    port: connection.port,
    user: connection.user,
    ...(instance.password === null ? {} : { password: instance.password }),
    application_name: 'muster',
    connectionTimeoutMillis: 10_000,
    query_timeout: 10_000,
    replication: 'true',
  }
  const client = await openClient(instance, config).catch((error: unknown) => {
    throw connectionFailure(error, where, { user: connection.user, database: 'replication' })
  })
  try {
    const system = (await client.query<{ systemid: string; timeline: number; xlogpos: string }>('IDENTIFY_SYSTEM')).rows[0]
    const size = (await client.query<{ wal_segment_size: string }>('SHOW wal_segment_size')).rows[0]
    if (system === undefined || size === undefined) throw new MusterError('DatabaseDown', `${where} does not say who it is`)
    return {
      systemIdentifier: system.systemid,
      timelineId: Number(system.timeline),
      history: Number(system.timeline) === 1 ? null : await timelineHistory(client, Number(system.timeline)),
      segmentSizeBytes: parseSize(size.wal_segment_size),
      currentLsn: parseLsn(system.xlogpos),
    }
  } catch (error) {
    if (error instanceof MusterError) throw error
    throw new MusterError('DatabaseDown', `${where} does not say who it is: ${(error as Error).message}`, {
      cause: error,
    })
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function timelineHistory(client: pg.Client, timelineId: number): Promise<string> {
  const { rows } = await client.query<{ content: unknown }>(`TIMELINE_HISTORY ${timelineId}`)
  const content = rows[0]?.content
  return Buffer.isBuffer(content) ? content.toString('utf8') : typeof content === 'string' ? content : ''
}

/** `16MB` as SHOW prints it → bytes. */
function parseSize(text: string): number {
  const match = /^(\d+)(B|kB|MB|GB)$/.exec(text)
  if (!match) throw new MusterError('DatabaseDown', `"${text}" is no size of a WAL segment`)
  const unit = { B: 1, kB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 }[match[2] as 'B' | 'kB' | 'MB' | 'GB']
  return Number(match[1]) * unit
}

async function observe(instance: PostgresqlInstance): Promise<SourceObservation> {
  return withConnection(
    instance,
    async (client) => {
      await client.query("set statement_timeout = '5s'")
      const { rows } = await client.query<Record<string, string | boolean | null>>(
        `select s.system_identifier::text as identifier, r.closed,
                case when r.closed then coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::text
                     else pg_current_wal_flush_lsn()::text end as current_lsn,
                case when r.closed then c.timeline_id::text
                     else ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int::text end as timeline,
                pg_snapshot_xmax(pg_current_snapshot())::text as next_transaction,
                (select w.flush_lsn::text from pg_stat_replication w
                   join pg_replication_slots l on l.active_pid = w.pid where l.slot_name = $1) as flushed_lsn
           from pg_control_system() s, pg_control_checkpoint() c, (select pg_is_in_recovery() as closed) r`,
        [slotName(instance, 'stream')],
      )
      const row = rows[0] ?? {}
      const flushed = row['flushed_lsn']
      return {
        systemIdentifier: String(row['identifier']),
        timelineId: Number(row['timeline']),
        currentLsn: parseLsn(String(row['current_lsn'] ?? '0/0')),
        flushedLsn: typeof flushed === 'string' ? parseLsn(flushed) : null,
        nextTransaction: String(row['next_transaction']),
        inRecovery: row['closed'] === true,
        slots: await observeSlots(client, instance),
      }
    },
    { connectTimeoutSeconds: 5 },
  )
}

/** Whether the server still has a segment; null where the role may not look. */
async function hasSegment(instance: PostgresqlInstance, segment: string): Promise<boolean | null> {
  return withConnection(instance, async (client) => {
    try {
      const { rowCount } = await client.query('select 1 from pg_ls_waldir() where name = $1', [segment])
      return (rowCount ?? 0) > 0
    } catch {
      return null
    }
  })
}

async function waldumpOf(instance: PostgresqlInstance): Promise<string> {
  const known = programs.get(instance)
  if (known !== undefined) return known
  const major = Number((await readFile(join(instance.config.dataDirectory, 'PG_VERSION'), 'utf8')).trim())
  const { path } = await findServerProgram(instance, 'pg_waldump', majorOf(major * 10_000))
  programs.set(instance, path)
  return path
}

const programs = new WeakMap<PostgresqlInstance, string>()

async function freeSpace(paths: readonly string[]): Promise<readonly FreeSpace[]> {
  const found: FreeSpace[] = []
  for (const path of paths) {
    const facts = await statfs(path).catch(() => null)
    if (facts !== null) found.push({ path, freeBytes: facts.bavail * facts.bsize, totalBytes: facts.blocks * facts.bsize })
  }
  return found
}
