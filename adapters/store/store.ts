/**
 * The `store` port: a place where copies are kept. Keys use `/`, sort bytewise, and
 * are never rewritten: every write is create-only. An error while listing is thrown;
 * it is never an empty list.
 */
import type { Readable } from 'node:stream'

export interface ObjectStat {
  readonly key: string
  readonly sizeBytes: number
  /** ISO-8601 UTC, by the store's clock. */
  readonly modifiedAt: string
  /** The same, where `modifiedAt` is one that whoever may write there can set. */
  readonly takenAt?: string
}

export type PutOutcome = 'created' | 'exists'

export interface PutFile {
  readonly path: string
  readonly sizeBytes: number
  /** Of the file; what arrives must have it. */
  readonly sha256: string
}

export interface TransferOptions {
  readonly signal?: AbortSignal
  /** Bytes of this object that are safely in the store so far. */
  readonly onProgress?: (bytes: number) => void
}

export interface StoreProbe {
  readonly reachable: boolean
  readonly writable: boolean
  readonly freeBytes: number | null
  /** As `Store.place` says; of a store that cannot be reached, something of its own. */
  readonly place: string
  /** A sentence for a person where something is wrong, else null. */
  readonly problem: string | null
}

export interface Store {
  readonly name: string

  /**
   * Copies a file to a key that must not exist yet. Resumable: called again after a crash it
   * goes on where the store has bytes that are proven equal. Durable on return: flushed,
   * and confirmed by the store to have the size and hash.
   * `exists` is returned when the key is already there **with this size and hash**.
   * @throws MusterError ChecksumMismatch when the key is there with other content, or the bytes arrived changed;
   *   StoreReadOnly, StoreNotMounted, DiskFull, CredentialsRejected, Throttled, Unreachable
   */
  putFile(key: string, file: PutFile, options?: TransferOptions): Promise<PutOutcome>

  /**
   * Creates a small object (≤ 1 MiB) or reports that the key exists, whatever its content:
   * the compare-and-set of control records. Durable on return.
   */
  putBytes(key: string, bytes: Uint8Array): Promise<PutOutcome>

  /** Null when proved absent; any other trouble is thrown. */
  stat(key: string): Promise<ObjectStat | null>

  /** @throws MusterError ObjectMissing when proved absent. */
  read(key: string, options?: { readonly signal?: AbortSignal }): Promise<Readable>

  /** For small objects. @throws MusterError ObjectMissing; ManifestInvalid when larger than `maxBytes`. */
  readBytes(key: string, maxBytes?: number): Promise<Buffer>

  /** All objects below a prefix, sorted by key, whatever their number; unfinished uploads are not listed. */
  list(prefix: string): AsyncIterable<ObjectStat>

  /** Removes one object: unpublished attempts only, in this version. No error when absent. */
  remove(key: string): Promise<void>

  /** Ends uploads under a prefix that were begun before a time and never finished; returns how many. */
  sweepUnfinished(prefix: string, before: Date): Promise<number>

  /**
   * Where the store lies, observed now from this host. The same text for two stores ⇒ what they hold would be lost
   * together, and is one copy: one filesystem, one mounted source, one bucket. Hard links are one copy by the same rule.
   * @throws MusterError StoreNotMounted, Unreachable
   */
  place(): Promise<string>

  /** Looks whether the store can work; never throws for what it reports. Writes and removes one probe object when `write`. */
  probe(options: { readonly write: boolean }): Promise<StoreProbe>
}
