/**
 * What the WAL shipper needs from a database it protects: a stream of its WAL into a spool
 * directory, two slots that hold what is not safe yet, and readers for what was received.
 * The shipper knows only this file; live-wal-source.ts is the real thing.
 */
import type { Readable } from 'node:stream'
import type { Lsn } from '../../../domain/wal.ts'

/** Who the server is, observed anew before each start of the receiver. */
export interface SourceFacts {
  readonly systemIdentifier: string
  readonly timelineId: number
  /** The timeline's history file; null on timeline 1. */
  readonly history: string | null
  readonly segmentSizeBytes: number
  readonly currentLsn: Lsn
}

export type WalStatus = 'reserved' | 'extended' | 'unreserved' | 'lost'

export interface SlotFacts {
  readonly name: string
  readonly walStatus: WalStatus | null
  readonly restartLsn: Lsn | null
  /** Bytes until the server may drop WAL the slot needs; null where the server has no limit. */
  readonly safeWalSizeBytes: number | null
  readonly active: boolean
}

export type SlotRole = 'stream' | 'anchor'
export type Slots = Readonly<Record<SlotRole, SlotFacts | null>>

/** One look at the running server. */
export interface SourceObservation {
  readonly systemIdentifier: string
  readonly timelineId: number
  /** Everything before it is flushed by the server; no acknowledged commit lies after it. */
  readonly currentLsn: Lsn
  /** What the receiver of this moment has reported as flushed to the spool; null while none streams. */
  readonly flushedLsn: Lsn | null
  /** Changes whenever a transaction with an xid ended. */
  readonly nextTransaction: string
  readonly inRecovery: boolean
  readonly slots: Slots
}

export type ReceiverEndKind = 'stopped' | 'disconnected' | 'slot-busy' | 'slot-missing' | 'wal-removed' | 'not-in-history' | 'bad-partial' | 'failed'

export interface ReceiverEnd {
  readonly kind: ReceiverEndKind
  /** The tool's own last words, for a person. */
  readonly detail: string
}

export interface Receiver {
  readonly pid: number
  readonly startedAtMs: number
  /** Never rejects. */
  readonly ended: Promise<ReceiverEnd>
  /** SIGINT, so that it leaves in order; killed when it does not. Resolves when gone. */
  stop(): Promise<void>
  /** SIGKILL at once: for a receiver that is silent or stopped. Resolves when gone. */
  kill(): Promise<void>
}

export interface SpoolPartial {
  readonly segment: string
  readonly sizeBytes: number
  readonly modifiedAtMs: number
}

export interface SpoolListing {
  /** Whole segments of the timeline, ascending. */
  readonly finished: readonly string[]
  /** The newest segment that is not finished. */
  readonly partial: SpoolPartial | null
  /** The timeline's own history file, where it is there. */
  readonly history: string | null
  readonly sizeBytes: number
}

/** One directory that a receiver writes, or wrote, for one timeline. */
export interface Spool {
  readonly directory: string
  readonly timelineId: number
  readonly segmentSizeBytes: number
  /** An absent directory is an empty listing; any other trouble is thrown. */
  list(): Promise<SpoolListing>
  /** First LSN of the partial segment that is not proven to be received; null when it vanished. */
  partialEnd(segment: string, flushedLsn: Lsn | null): Promise<Lsn | null>
  /** Where a segment's bytes are now, finished or not; null when neither is there. */
  locate(segment: string): Promise<string | null>
  /** Makes the directory, and its first segment the one where receiving begins, whatever a slot says. */
  begin(lsn: Lsn): Promise<void>
  /** Puts in order what a crash left: a partial of a wrong size is removed. Returns what it removed. */
  repair(): Promise<readonly string[]>
  remove(segment: string): Promise<void>
}

export interface CommitTimes {
  readonly firstCommitAt: string | null
  readonly lastCommitAt: string | null
  readonly lastCommitLsn: Lsn | null
}

export interface CommitRange {
  /** File with the segment's bytes, whatever its name. */
  readonly path: string
  readonly segment: string
  /** A place where a record is known to begin; the segment's start where none is. */
  readonly recordLsn: Lsn
  /** Commits that end in (startLsn, endLsn]. */
  readonly startLsn: Lsn
  readonly endLsn: Lsn
}

export interface CompressedStream {
  readonly compressed: Readable
  /** Resolves with the bytes that went in; rejects when the tool failed or the file was shorter. */
  readonly done: Promise<{ readonly plainSizeBytes: number }>
}

export interface FreeSpace {
  readonly path: string
  readonly freeBytes: number
  readonly totalBytes: number
}

/**
 * Where a restored server answers before it is opened: only on its private socket.
 * Replaces host and port of the configured connection.
 */
export interface ConnectionOverride {
  readonly socketDirectory: string
  readonly port: number
}

/** One protected database, as the shipper sees it. */
export interface WalSource {
  /** @throws MusterError DatabaseDown | Unreachable | CredentialsRejected */
  identify(): Promise<SourceFacts>
  /** @throws MusterError DatabaseDown | Unreachable | CredentialsRejected */
  observe(): Promise<SourceObservation>
  /** Makes the missing and the lost ones anew, from the other slot where that still holds WAL. Idempotent. */
  ensureSlots(): Promise<Slots>
  /** Both are dropped and made again at the server's newest checkpoint. */
  renewSlots(): Promise<Slots>
  dropSlots(): Promise<void>
  /** Lets the server drop WAL before an LSN; never moves backwards. */
  advanceAnchor(lsn: Lsn): Promise<void>
  /** A commit that changes nothing; its end, or null where the server takes no writes. */
  tick(): Promise<Lsn | null>
  /** Whether the server still has a segment; null where the role may not look. */
  hasSegment(segment: string): Promise<boolean | null>
  startReceiver(spool: Spool): Promise<Receiver>
  openSpool(directory: string, timelineId: number, segmentSizeBytes: number): Spool
  /** Times of the commits in a range; a torn end is no error. */
  commitTimes(range: CommitRange, workDirectory: string): Promise<CommitTimes>
  /** Where the last whole record of a segment's file ends; null where none is whole. */
  recordsEnd(path: string, segment: string, workDirectory: string): Promise<Lsn | null>
  compress(path: string, startByte: number, endByte: number): CompressedStream
  /** Of the spool's and of the database's WAL disk. */
  freeSpace(spoolDirectory: string): Promise<readonly FreeSpace[]>
}
