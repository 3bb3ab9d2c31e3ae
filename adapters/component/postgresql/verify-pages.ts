import { MusterError } from '../../../domain/failures.ts'
import { runTool, toolExitOf } from '../../process/run-tool.ts'
import type { WorkOptions } from '../component.ts'
import { inspectDataDirectory } from './data-directory.ts'
import { type PostgresqlInstance, osUserOf } from './instance.ts'
import { findServerProgram } from './programs.ts'

/**
 * Reads every page of a stopped data directory, tablespaces too, against its checksum.
 * @returns false where that cannot be done: the cluster has no page checksums, or was not shut down in order
 * @throws MusterError ChecksumMismatch naming the first damaged file; CommandFailed, Cancelled
 */
export async function verifyPages(instance: PostgresqlInstance, directory: string, options: WorkOptions = {}): Promise<boolean> {
  const facts = await inspectDataDirectory(instance, directory)
  if (!facts?.pageChecksums || !facts.state.startsWith('shut down')) return false
  const program = await findServerProgram(instance, 'pg_checksums', facts.serverMajor)
  const runAs = await osUserOf(instance)
  const damaged: string[] = []
  try {
    await runTool(program.path, ['--check', '--progress', '-D', directory], {
      ...(runAs === undefined ? {} : { runAs }),
      ...(options.signal && { signal: options.signal }),
      ...(options.label !== undefined && { label: options.label }),
      onStderrLine(line) {
        const progress = /^\s*(\d+)\/(\d+) MB/.exec(line)
        if (progress) options.onProgress?.({ phase: 'verify pages', doneBytes: Number(progress[1]) * 1e6, totalBytes: Number(progress[2]) * 1e6 })
        if (line.includes('checksum verification failed')) damaged.push(line.replace(/^.*?error: /, ''))
      },
    })
  } catch (error) {
    if (toolExitOf(error) === undefined || damaged.length === 0) throw error
    throw new MusterError('ChecksumMismatch', `${damaged.length} pages of ${directory} are damaged: ${damaged[0]}`, { cause: error })
  }
  return true
}
