import { decodePath } from '../../../domain/tree-path.ts'
import type { ToolOptions } from '../../process/process.ts'
import { startTool } from '../../process/run-tool.ts'
import { listOf, only } from './create-archive.ts'
import { hasSetpriv } from './extract-archive.ts'

const emptySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const hashOptions = ['runAs', 'label', 'signal', 'kind'] as const

export interface FileHashes {
  /** Lower-case hex, by path; a file that could not be read is not among them. */
  readonly hashes: ReadonlyMap<string, string>
  /** What was said about those. */
  readonly complaint: string
}

/**
 * SHA-256 of files below a directory by `sha256sum`. The names go in through `xargs --null`, because the
 * arguments of a process started from here are text and names are bytes.
 * @throws MusterError CommandFailed | Cancelled
 */
export async function hashFiles(
  base: string,
  files: readonly { readonly path: string; readonly sizeBytes: number }[],
  options: Pick<ToolOptions, (typeof hashOptions)[number]>,
): Promise<FileHashes> {
  const hashes = new Map(files.filter((file) => file.sizeBytes === 0).map((file) => [file.path, emptySha256]))
  const paths = files.filter((file) => file.sizeBytes > 0).map((file) => file.path)
  if (paths.length === 0) return { hashes, complaint: '' }
  // The kernel ends what this process starts when this process ends, but not what xargs starts.
  const withXargs = hasSetpriv() ? ['setpriv', '--pdeathsig', 'KILL', '--'] : []
  const tool = startTool('xargs', ['--null', ...withXargs, 'sha256sum', '--zero', '--'], {
    cwd: base,
    stdin: listOf(paths),
    stdout: 'stream',
    // 123: some sha256sum said that a file could not be read; which, is seen from what is missing.
    okExitCodes: [0, 123],
    ...only(options, hashOptions),
  })
  for await (const record of recordsOf(tool.stdout as AsyncIterable<Buffer>)) {
    hashes.set(decodePath(record.subarray(66)), record.toString('latin1', 0, 64))
  }
  return { hashes, complaint: (await tool.done).stderrTail.trim() }
}

/** Parts of a stream that end with a NUL. */
async function* recordsOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of stream) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let start = 0
    for (let end = rest.indexOf(0, start); end !== -1; end = rest.indexOf(0, start)) {
      yield rest.subarray(start, end)
      start = end + 1
    }
    rest = rest.subarray(start)
  }
}
