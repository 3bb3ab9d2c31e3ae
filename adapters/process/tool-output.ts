import type { ChildProcess } from 'node:child_process'
import { PassThrough, pipeline, type Readable, Transform } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ToolOptions, ToolResult } from './process.ts'

const captureLimitBytes = 1024 * 1024
/** A pipe may be held open by a daemon that the tool left behind; nobody waits longer for its silence. */
const quietMs = 1000

/** What a tool writes to stdout, captured or handed on, and the wait until all of it was read. */
export class ToolOutput {
  /** True when more was printed than `capture` takes. */
  overflowed = false
  private readonly child: ChildProcess
  private readonly mode: NonNullable<ToolOptions['stdout']>
  private readonly chunks: Buffer[] = []
  private sizeBytes = 0
  private lastDataAt = 0

  constructor(child: ChildProcess, mode: NonNullable<ToolOptions['stdout']>, onOverflow: () => void) {
    this.child = child
    this.mode = mode
    child.stderr?.on('data', () => (this.lastDataAt = Date.now()))
    child.stdout?.on('error', () => {})
    if (mode !== 'capture') return
    child.stdout?.on('data', (chunk: Buffer) => {
      this.lastDataAt = Date.now()
      this.sizeBytes += chunk.length
      if (this.sizeBytes <= captureLimitBytes) {
        this.chunks.push(chunk)
      } else if (!this.overflowed) {
        this.overflowed = true
        onOverflow()
      }
    })
  }

  text(): string {
    return Buffer.concat(this.chunks).toString('utf8')
  }

  /** stdout that ends only after `done` has resolved and fails with its error; empty unless asked for. */
  readable(done: Promise<ToolResult>, onClosedEarly: () => void): Readable {
    if (this.mode !== 'stream' || !this.child.stdout) return new PassThrough().end()
    const guarded = new Transform({
      highWaterMark: 1024 * 1024,
      transform: (chunk, _encoding, callback) => callback(null, chunk),
      flush: (callback) => void done.then(() => callback(), callback),
    })
    // Listened to here so that a reader that has gone does not end the agent; readers get it as well.
    guarded.on('error', () => {})
    let ended = false
    this.child.stdout.once('end', () => (ended = true))
    pipeline(this.child.stdout, guarded, (error) => {
      if (error && !ended) onClosedEarly()
    })
    return guarded
  }

  /** Waits until what the tool wrote has been read; whoever reads the stream takes their own time. */
  async drained(): Promise<void> {
    const streams = [this.child.stderr, this.mode === 'capture' ? this.child.stdout : null]
    const open = streams.filter((stream) => stream !== null && !stream.closed) as Readable[]
    const closed = Promise.all(open.map((stream) => new Promise((resolve) => stream.once('close', resolve))))
    const quiet = new AbortController()
    await Promise.race([closed, this.silence(quiet.signal)])
    quiet.abort()
    for (const stream of open) stream.destroy()
  }

  private async silence(signal: AbortSignal): Promise<void> {
    for (this.lastDataAt = Date.now(); Date.now() - this.lastDataAt < quietMs && !signal.aborted; ) {
      await sleep(quietMs / 10, undefined, { signal }).catch(() => {})
    }
  }
}
