import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import { lastEntries, parseEntry, parseHeader, type TreeEntry, type TreeIndexHeader, treeIndexRole } from '../../../domain/tree-index.ts'
import { startTool } from '../../process/run-tool.ts'
import type { ObjectSource, WorkOptions } from '../component.ts'
import { only } from './create-archive.ts'
import { asDiskFull } from './tree-failures.ts'

/** The index of a backup, proven and on this disk; read from there as often as needed, never kept in memory. */
export interface TreeIndex {
  readonly header: TreeIndexHeader
  /** Every line, in the order of the objects; a path that was read again is there more than once. */
  lines(): AsyncGenerator<TreeEntry>
  /** One entry per path. */
  entries(): AsyncGenerator<TreeEntry>
  remove(): Promise<void>
}

const longestLine = 64 * 1024

/**
 * Fetches the index into staging. Its hash was checked against the signed manifest before a byte is read.
 * @throws MusterError ManifestInvalid | DiskFull | what the source throws
 */
export async function openIndex(source: ObjectSource, stagingDirectory: string, options: WorkOptions = {}): Promise<TreeIndex> {
  const path = join(stagingDirectory, `index-${randomUUID()}.jsonl.zst`)
  const lines = (): AsyncGenerator<string> => linesOf(path, options)
  const remove = (): Promise<void> => rm(path, { force: true })
  try {
    await source.toFile(treeIndexRole, path)
    const first = await firstOf(lines())
    if (first === undefined) throw new MusterError('ManifestInvalid', 'the tree index is empty')
    const header = parseHeader(first)
    return {
      header,
      lines: () => entriesOf(lines(), header),
      entries: () => lastEntries(entriesOf(lines(), header)),
      remove,
    }
  } catch (error) {
    await remove()
    throw asDiskFull(error, stagingDirectory)
  }
}

/**
 * What a tree backup holds, one entry per path; entries whose content changed while it was read come last.
 * Staging is empty again when the caller has stopped reading.
 * @throws MusterError as openIndex; ManifestInvalid
 */
export async function* readIndex(source: ObjectSource, stagingDirectory: string, options: WorkOptions = {}): AsyncGenerator<TreeEntry> {
  const index = await openIndex(source, stagingDirectory, options)
  try {
    yield* index.entries()
  } finally {
    await index.remove()
  }
}

async function* entriesOf(lines: AsyncGenerator<string>, header: TreeIndexHeader): AsyncGenerator<TreeEntry> {
  let number = 0
  for await (const line of lines) {
    if (++number === 1) continue
    const entry = parseEntry(line, number)
    if (entry.root >= header.roots.length) throw new MusterError('ManifestInvalid', `line ${number} of the tree index names a root that the header does not`)
    yield entry
  }
}

async function firstOf(lines: AsyncGenerator<string>): Promise<string | undefined> {
  for await (const line of lines) return line
  return undefined
}

async function* linesOf(path: string, options: WorkOptions): AsyncGenerator<string> {
  const tool = startTool('zstd', ['--decompress', '--quiet', '--stdout', '--', path], {
    stdout: 'stream',
    stdin: '',
    ...only(options, ['label', 'signal']),
  })
  let rest = ''
  for await (const chunk of tool.stdout.setEncoding('utf8') as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > longestLine) throw new MusterError('ManifestInvalid', 'the tree index has a line that is too long')
    yield* lines
  }
  if (rest !== '') throw new MusterError('ManifestInvalid', 'the tree index breaks off in the middle of a line')
}
