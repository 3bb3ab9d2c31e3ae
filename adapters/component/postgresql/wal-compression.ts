/** WAL through zstd: a segment that is mostly zeros becomes some hundred bytes. */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable, Transform } from 'node:stream'
import { MusterError } from '../../../domain/failures.ts'
import { startTool } from '../../process/run-tool.ts'
import { orDestroy } from './or-destroy.ts'
import type { CompressedStream } from './wal-source.ts'

const level = '-3'

/** Compresses bytes [startByte, endByte) of a file; the file may grow or be renamed meanwhile. */
export function compressRange(path: string, startByte: number, endByte: number): CompressedStream {
  let plainSizeBytes = 0
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      plainSizeBytes += chunk.length
      done(null, chunk)
    },
  })
  const source: Readable = endByte > startByte ? createReadStream(path, { start: startByte, end: endByte - 1 }) : Readable.from([])
  source.on('error', (error) => counter.destroy(error))
  const tool = orDestroy(source, () =>
    startTool('zstd', ['--quiet', '--check', '--no-progress', level, '--stdout', '-'], { stdin: source.pipe(counter), stdout: 'stream' }),
  )
  const done = tool.done.then(() => {
    if (plainSizeBytes === endByte - startByte) return { plainSizeBytes }
    throw new MusterError('SourceChanged', `${path} gave ${plainSizeBytes} of ${endByte - startByte} bytes`)
  })
  done.catch(() => undefined)
  return { compressed: tool.stdout, done }
}

/**
 * Decompresses a stream into a new file (0600); the file is absent when this throws. Returns its size.
 * @throws MusterError CommandFailed where the stream is no whole zstd frame
 */
export async function decompressToFile(compressed: Readable, path: string, options: { readonly signal?: AbortSignal } = {}): Promise<number> {
  // Where zstd cannot be started nobody would ever read what feeds it.
  const tool = orDestroy(compressed, () =>
    startTool('zstd', ['--quiet', '--no-progress', '--decompress', '--stdout', '-'], {
      stdin: compressed,
      stdout: { file: path },
      ...(options.signal ? { signal: options.signal } : {}),
    }),
  )
  await tool.done
  return (await stat(path)).size
}
