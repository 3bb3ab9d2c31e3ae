import type { ChildProcess } from 'node:child_process'
import { rmSync } from 'node:fs'
import { Readable, type Writable } from 'node:stream'
import { MusterError } from '../../domain/failures.ts'
import { feedStdin } from './feed-stdin.ts'
import type { RunningTool, ToolExit, ToolOptions, ToolResult } from './process.ts'
import { endGroup, waitForGroup } from './process-group.ts'
import { StderrReader } from './stderr-reader.ts'
import { cancelled, failed, inputFailed, timedOut } from './tool-failures.ts'
import { ToolOutput } from './tool-output.ts'

/** What a tool left in its group may be about to end by itself. */
const leftoverSeconds = 0.5

/** A started tool: why it was stopped, whether all of it is gone, and what it said. */
export class Tool implements RunningTool {
  readonly pid: number
  readonly stdin: Writable
  readonly stdout: Readable
  readonly done: Promise<ToolResult>
  private readonly program: string
  private readonly child: ChildProcess
  private readonly options: ToolOptions
  private readonly output: ToolOutput
  private readonly stderr: StderrReader
  private exited = false
  private readerGone = false
  private ending: Promise<void> | undefined
  /** Why the agent stopped it; the first reason counts. */
  private stopReason: MusterError | undefined
  /** An ordered end is a success when the tool says so. */
  private endedOnPurpose = false

  constructor(program: string, child: ChildProcess, options: ToolOptions) {
    this.program = program
    this.child = child
    this.options = options
    this.pid = child.pid as number
    this.stdin = child.stdin as Writable
    this.stderr = new StderrReader(child.stderr as Readable, options.onStderrLine && this.guarded(options.onStderrLine))
    this.output = new ToolOutput(child, options.stdout ?? 'capture', () => this.stop(this.tooMuchOutput()))
    this.done = this.run()
    // Whoever reads the stream first and awaits `done` later must not be ended by an unhandled rejection.
    this.done.catch(() => {})
    this.stdout = this.output.readable(this.done, () => this.readerLeft())
    feedStdin(
      this.stdin,
      options.stdin,
      () => this.exited,
      (cause) => this.stop(inputFailed(program, cause)),
    )
  }

  async end(): Promise<void> {
    this.endedOnPurpose ||= this.stopReason === undefined
    this.stop(new MusterError('Cancelled', `${this.program} was ended by the agent`))
    await this.done.catch(() => {})
  }

  private async run(): Promise<ToolResult> {
    const { signal, timeoutSeconds } = this.options
    const onAbort = (): void => this.stop(cancelled(this.program, signal as AbortSignal))
    signal?.addEventListener('abort', onAbort, { once: true })
    const timer = timeoutSeconds === undefined ? undefined : this.startTimer(timeoutSeconds)
    const [exitCode, killedBy] = await this.exit()
    signal?.removeEventListener('abort', onAbort)
    clearTimeout(timer)
    // Nobody reads it any more; whoever awaits `done` may rely on its being closed.
    if (this.options.stdin instanceof Readable) this.options.stdin.destroy()
    await this.endLeftovers()
    await this.output.drained()
    this.stderr.finish()
    const { readerGone } = this
    return this.conclude({ exitCode, signal: killedBy, stderrTail: this.stderr.text(), readerGone })
  }

  private exit(): Promise<[number | null, NodeJS.Signals | null]> {
    return new Promise((resolve) => {
      this.child.once('exit', (code, killedBy) => {
        this.exited = true
        resolve([code, killedBy])
      })
    })
  }

  private conclude(exit: ToolExit): ToolResult {
    const ok = exit.exitCode !== null && (this.options.okExitCodes ?? [0]).includes(exit.exitCode)
    const stopped = this.endedOnPurpose && ok ? undefined : this.stopReason
    const failure = stopped ?? (ok && !exit.readerGone ? undefined : this.explained(exit))
    if (failure) {
      if (typeof this.options.stdout === 'object') rmSync(this.options.stdout.file, { force: true })
      throw failure
    }
    return { exitCode: exit.exitCode as number, stdout: this.output.text(), stderrTail: exit.stderrTail }
  }

  private explained(exit: ToolExit): Error {
    return (exit.readerGone ? undefined : this.options.explainFailure?.(exit)) ?? failed(this.program, exit)
  }

  private stop(reason: MusterError): void {
    this.stopReason ??= reason
    this.endNow()
  }

  private readerLeft(): void {
    this.readerGone = true
    this.endNow()
  }

  private endNow(): void {
    if (!this.exited) this.ending ??= endGroup(this.pid)
  }

  private async endLeftovers(): Promise<void> {
    if (this.ending) return this.ending
    if (this.options.leavesServices) return
    if (!(await waitForGroup(this.pid, leftoverSeconds))) await endGroup(this.pid)
  }

  private startTimer(seconds: number): NodeJS.Timeout {
    // A timer takes at most 2^31 ms and would fire at once beyond that.
    return setTimeout(() => this.stop(timedOut(this.program, seconds)), Math.min(seconds * 1000, 2 ** 31 - 1))
  }

  private tooMuchOutput(): MusterError {
    return new MusterError('CommandFailed', `${this.program} printed more than 1 MiB, which is more than is kept`)
  }

  /** A listener that throws ends the tool, not the agent. */
  private guarded(listener: (line: string) => void): (line: string) => void {
    return (line) => {
      try {
        listener(line)
      } catch (cause) {
        this.stop(cause instanceof MusterError ? cause : inputFailed(this.program, cause as Error))
      }
    }
  }
}
