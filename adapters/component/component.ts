/**
 * The `component` port: what every kind of protected part offers to a backup and a restore.
 * Adapters read and write plain (compressed) streams; encryption, hashing and staging belong
 * to the caller, who hands them in as sink and source.
 */
import type { Readable } from 'node:stream'

/** Where produced objects go: each is encrypted and hashed into staging while it is read. */
export interface ObjectSink {
  /** Resolves when the object is whole and flushed. `name` is the last part of its key, without `.age`. */
  add(object: { readonly role: string; readonly name: string }, plain: Readable): Promise<void>
}

/** A published backup's objects, decrypted; sizes and both hashes are checked against the signed manifest. */
export interface ObjectSource {
  readonly roles: readonly string[]
  /** Streams one object; nothing read from `plain` may be used before `done` resolved. */
  open(role: string): { readonly plain: Readable; readonly done: Promise<void> }
  /** Decrypts one object into a new 0600 file; the file is absent when this throws. */
  toFile(role: string, path: string): Promise<void>
}

export interface Progress {
  readonly phase: string
  readonly doneBytes: number
  /** Null while unknown. */
  readonly totalBytes: number | null
}

export interface WorkOptions {
  readonly signal?: AbortSignal
  /** Called from real progress only; never by a timer. */
  readonly onProgress?: (progress: Progress) => void
  /** Label of this attempt's processes; see adapters/process. */
  readonly label?: string
}
