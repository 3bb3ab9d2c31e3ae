/** Objects that are read and written in one piece: records, manifests, configs. */
import type { Readable } from 'node:stream'
import { MusterError } from '../../domain/failures.ts'

export const smallObjectBytes = 1024 * 1024

/** @throws MusterError InvalidInput for more than 1 MiB */
export function checkSmall(key: string, bytes: Uint8Array): void {
  if (bytes.byteLength <= smallObjectBytes) return
  throw new MusterError('InvalidInput', `${key} has ${bytes.byteLength} bytes; written at once are at most ${smallObjectBytes}`)
}

/** Reads a stream to its end. @throws MusterError ManifestInvalid for more than `maxBytes`; what the stream throws */
export async function readAtMost(key: string, store: string, stream: Readable, maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  let sizeBytes = 0
  for await (const piece of stream as AsyncIterable<Buffer>) {
    sizeBytes += piece.length
    if (sizeBytes > maxBytes) {
      throw new MusterError('ManifestInvalid', `${key} in the store ${store} is larger than ${maxBytes} bytes`)
    }
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

export function missing(key: string, store: string, cause?: unknown): MusterError {
  return new MusterError('ObjectMissing', `${key} is not in the store ${store}`, { cause })
}
