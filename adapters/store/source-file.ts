/** The file that a put copies: opened once, read in pieces, and proven to be what the caller said. */
import { createHash, type Hash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { MusterError } from '../../domain/failures.ts'
import type { PutFile, TransferOptions } from './store.ts'

const pieceBytes = 1024 * 1024

/**
 * @throws MusterError SourceUnreadable when it cannot be opened; ChecksumMismatch when its size is not the promised one
 */
export async function openSource(file: PutFile): Promise<FileHandle> {
  const handle = await open(file.path, 'r').catch((cause: unknown) => {
    throw new MusterError('SourceUnreadable', `${file.path} cannot be opened to be copied: ${(cause as Error).message}`, {
      cause,
    })
  })
  const { size } = await handle.stat()
  if (size === file.sizeBytes) return handle
  await handle.close()
  throw new MusterError('ChecksumMismatch', `${file.path} has ${size} bytes, not the promised ${file.sizeBytes}`, {
    hint: 'the file was changed after it was made: make it again',
  })
}

/** Reads from the start in pieces that are valid until the next one is asked for; ends at the promised size. */
export async function* readPieces(handle: FileHandle, file: PutFile, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafe(pieceBytes)
  let position = 0
  while (position < file.sizeBytes) {
    throwIfCancelled(signal, `copying ${file.path}`)
    const wanted = Math.min(pieceBytes, file.sizeBytes - position)
    const bytesRead = await readAt(handle, file, buffer.subarray(0, wanted), position)
    yield buffer.subarray(0, bytesRead)
    position += bytesRead
  }
}

/** @returns the number of bytes read, at least one. @throws MusterError ChecksumMismatch where the file ends early */
export async function readAt(handle: FileHandle, file: PutFile, into: Buffer, position: number): Promise<number> {
  const { bytesRead } = await handle.read(into, 0, into.length, position).catch((cause: unknown) => {
    throw new MusterError('SourceUnreadable', `${file.path} cannot be read: ${(cause as Error).message}`, { cause })
  })
  if (bytesRead > 0) return bytesRead
  throw new MusterError('ChecksumMismatch', `${file.path} became shorter while it was copied`)
}

/** @throws MusterError ChecksumMismatch */
export function proveSource(hash: Hash, file: PutFile): void {
  const found = hash.digest('hex')
  if (found === file.sha256) return
  throw new MusterError('ChecksumMismatch', `${file.path} has the SHA-256 ${found}, not the promised ${file.sha256}`, {
    hint: 'the file was changed after it was made: make it again',
  })
}

/** Hashes the whole file and compares; still says that it is at work. @throws MusterError ChecksumMismatch; SourceUnreadable; Cancelled */
export async function verifySource(handle: FileHandle, file: PutFile, options: TransferOptions): Promise<void> {
  const hash = createHash('sha256')
  for await (const piece of readPieces(handle, file, options.signal)) {
    hash.update(piece)
    options.onProgress?.(0)
  }
  proveSource(hash, file)
}

/** @throws MusterError Cancelled */
export function throwIfCancelled(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted) throw new MusterError('Cancelled', `${what} was cancelled`, { cause: signal.reason })
}
