import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { scrub } from '../../observability/scrub.ts'

const tailBytes = 4096
const longestLine = 65_536

/** Reads a tool's stderr: keeps the end of it, without secrets, and hands on whole lines. */
export class StderrReader {
  private tail = Buffer.alloc(0)
  private line = ''
  private readonly decoder = new StringDecoder('utf8')
  private readonly onLine: ((line: string) => void) | undefined

  constructor(source: Readable, onLine: ((line: string) => void) | undefined) {
    this.onLine = onLine
    source.on('data', (chunk: Buffer) => this.take(chunk))
    source.on('error', () => {})
  }

  /** The last 4 KiB. */
  text(): string {
    return scrub(this.tail.toString('utf8'))
  }

  /** Hands on what came after the last line end. */
  finish(): void {
    this.emit(this.line + this.decoder.end())
    this.line = ''
  }

  private take(chunk: Buffer): void {
    this.tail = Buffer.concat([this.tail, chunk]).subarray(-tailBytes)
    if (!this.onLine) return
    // Progress lines end with \r only.
    const lines = (this.line + this.decoder.write(chunk)).split(/[\r\n]+/)
    this.line = (lines.pop() ?? '').slice(-longestLine)
    for (const line of lines) this.emit(line)
  }

  private emit(line: string): void {
    if (line !== '') this.onLine?.(line)
  }
}
