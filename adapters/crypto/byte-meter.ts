import { createHash } from 'node:crypto'
import { Transform, type TransformCallback } from 'node:stream'

/** Passes bytes through unchanged and knows how many they were and their SHA-256. */
export class ByteMeter extends Transform {
  sizeBytes = 0
  private readonly hash = createHash('sha256')
  private readonly onProgress: ((bytes: number) => void) | undefined

  constructor(onProgress?: (bytes: number) => void) {
    super({ highWaterMark: 1024 * 1024 })
    this.onProgress = onProgress
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    this.hash.update(chunk)
    this.sizeBytes += chunk.length
    this.onProgress?.(this.sizeBytes)
    callback(null, chunk)
  }

  /** Hex; call once, after the end. */
  sha256(): string {
    return this.hash.digest('hex')
  }
}
