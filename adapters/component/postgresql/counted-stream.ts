import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { type Readable, Transform, pipeline } from 'node:stream'
import type { WorkOptions } from '../component.ts'

const chunkBytes = 1024 * 1024

/** A file as a stream that reports what was read of it. */
export async function countedFile(path: string, options: Pick<WorkOptions, 'onProgress' | 'signal'> & { readonly phase: string }): Promise<Readable> {
  const { size } = await stat(path)
  let doneBytes = 0
  const source = createReadStream(path, {
    highWaterMark: chunkBytes,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })
  return counted(source, (bytes) => {
    doneBytes += bytes
    options.onProgress?.({ phase: options.phase, doneBytes, totalBytes: size })
  })
}

/** The same bytes, counted; an error or early end on either side reaches the other. */
export function counted(source: Readable, onBytes: (bytes: number) => void): Readable {
  const counter = new Transform({
    readableHighWaterMark: chunkBytes,
    transform(chunk: Buffer, _encoding, done) {
      onBytes(chunk.length)
      done(null, chunk)
    },
  })
  // The error arrives at whoever reads the counter; here it only must not go unheard.
  pipeline(source, counter, () => {})
  return counter
}
