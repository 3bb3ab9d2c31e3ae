import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { serialiseEntry, serialiseHeader, type TreeEntry, type TreeIndexHeader, treeIndexRole } from '../../../domain/tree-index.ts'
import { startTool } from '../../process/run-tool.ts'
import type { ObjectSink, WorkOptions } from '../component.ts'
import { only } from './create-archive.ts'
import { asDiskFull } from './tree-failures.ts'

/** The index while it grows: compressed as it is written, so that it never is in memory as a whole. */
export interface IndexFile {
  /** @throws MusterError DiskFull | CommandFailed */
  write(entries: readonly TreeEntry[]): Promise<void>
  /** Ends the file and gives it to the sink as the object `index`. */
  addTo(sink: ObjectSink): Promise<void>
  /** Ends what is still running and removes the file. */
  remove(): Promise<void>
}

export function createIndexFile(stagingDirectory: string, header: TreeIndexHeader, options: WorkOptions): IndexFile {
  const path = join(stagingDirectory, `index-${randomUUID()}.jsonl.zst`)
  const tool = startTool('zstd', ['-3', '--quiet', '--stdout'], {
    stdout: { file: path },
    ...only(options, ['label', 'signal']),
  })
  const failure = async (error: unknown): Promise<unknown> => {
    const reason: unknown = await tool.done.then(
      () => error,
      (own: unknown) => own,
    )
    return asDiskFull(reason, stagingDirectory)
  }
  const send = async (text: string): Promise<void> => {
    try {
      await new Promise<void>((resolve, reject) => tool.stdin.write(text, (error) => (error ? reject(error) : resolve())))
    } catch (error) {
      throw await failure(error)
    }
  }
  const started = send(`${serialiseHeader(header)}\n`)
  started.catch(() => {})
  return {
    async write(entries) {
      await started
      await send(entries.map((entry) => `${serialiseEntry(entry)}\n`).join(''))
    },
    async addTo(sink) {
      await started
      tool.stdin.end()
      await tool.done.catch(async (error: unknown) => {
        throw await failure(error)
      })
      await sink.add({ role: treeIndexRole, name: 'index.jsonl.zst' }, createReadStream(path))
    },
    async remove() {
      await tool.end()
      await rm(path, { force: true })
    },
  }
}
