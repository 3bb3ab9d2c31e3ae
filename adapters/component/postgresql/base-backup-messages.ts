import { MusterError } from '../../../domain/failures.ts'
import type { WorkOptions } from '../component.ts'
import { clientProgramFailure } from './database-failures.ts'

const keptLines = 50
const namedFiles = 5

/** Reads the stderr of `pg_basebackup --progress`: how far it is, and what a failure means. */
export class BaseBackupMessages {
  /** Uncompressed size of everything, as the server estimated it. */
  totalBytes: number | null = null
  private readonly lines: string[] = []
  private readonly damagedFiles = new Set<string>()
  private damaged = false
  private readonly onProgress: WorkOptions['onProgress']

  constructor(onProgress: WorkOptions['onProgress']) {
    this.onProgress = onProgress
  }

  take(line: string): void {
    const progress = /^\s*(\d+)\/(\d+) kB \(\d+%\)/.exec(line)
    if (progress) return this.report(Number(progress[1]) * 1024, Number(progress[2]) * 1024)
    if (/waiting for checkpoint/.test(line)) {
      this.onProgress?.({ phase: 'wait for checkpoint', doneBytes: 0, totalBytes: null })
      return
    }
    // The server's part of the text is in its own language; the path and the client's words are not.
    if (/checksum (verification|error)/.test(line)) this.damaged = true
    const file = /((?:base|global|pg_tblspc)\/[\w/.-]+)/.exec(line)?.[1]
    if (file !== undefined && /WARNING|checksum/.test(line)) this.damagedFiles.add(file)
    this.lines.push(line)
    if (this.lines.length > keptLines) this.lines.shift()
  }

  /** What the failure of the program means, or undefined when its own error says all there is. */
  failure(error: unknown, where: string): MusterError | undefined {
    if (!(error instanceof MusterError) || error.type !== 'CommandFailed') return undefined
    if (this.damaged) return this.pageChecksum(where, error)
    return clientProgramFailure(this.lines.join('\n'), where, error)
  }

  private report(doneBytes: number, totalBytes: number): void {
    this.totalBytes = totalBytes
    this.onProgress?.({ phase: 'base backup', doneBytes, totalBytes })
  }

  private pageChecksum(where: string, cause: unknown): MusterError {
    const files = [...this.damagedFiles]
    const more = files.length > namedFiles ? ` and ${files.length - namedFiles} more` : ''
    const named = files.length === 0 ? 'files that the server does not name' : files.slice(0, namedFiles).join(', ') + more
    return new MusterError('PageChecksum', `${where} has damaged pages in ${named}`, { cause })
  }
}
