/**
 * What the rest of the house sees of the only room that spawns. Processes are *tools*
 * (own group, end with the agent, killed on cancel) or *services* (new session, outlive
 * the agent). Argument arrays only; never a shell.
 */
import type { Readable, Writable } from 'node:stream'

export interface ToolOptions {
  /** Default `/`, so that the agent's own directory never matters. */
  readonly cwd?: string
  /** Added to a minimal environment (PATH, HOME, LANG=C.UTF-8, TZ=UTC); the agent's own is not inherited. */
  readonly env?: Readonly<Record<string, string>>
  /** Operating-system user name; only when the agent is root. */
  readonly runAs?: string
  /**
   * Put into MUSTER_LABEL so that what an older attempt left running is found and ended.
   * Inherited by everything the tool starts: leave it out where the tool starts a server.
   */
  readonly label?: string
  readonly signal?: AbortSignal
  /** Asked in the moment of the start, with nothing in between: throws where it must not be started any more. */
  readonly mayStart?: () => void
  readonly stdin?: Readable | string | Uint8Array
  /**
   * `capture` (default; more than 1 MiB is a failure), `stream` to read `tool.stdout`, `discard`, or an
   * absolute path that is created 0600, written by the tool itself, and removed when the tool fails.
   */
  readonly stdout?: 'capture' | 'stream' | 'discard' | { readonly file: string }
  readonly onStderrLine?: (line: string) => void
  readonly timeoutSeconds?: number
  /** Exit codes that are no failure; default [0]. */
  readonly okExitCodes?: readonly number[]
  /** In a network namespace of its own, where this host allows one. */
  readonly noNetwork?: boolean
  /** nice 10, ionice best-effort 7. */
  readonly kind?: 'kind' | 'normal'
  /**
   * What the tool leaves in its group when it ends by itself is a service and goes on;
   * by default it is ended before `done` settles.
   */
  readonly leavesServices?: boolean
  /** What a failed exit means, where the caller knows better than CommandFailed; undefined leaves that. */
  readonly explainFailure?: (exit: ToolExit) => Error | undefined
}

export interface ToolResult {
  readonly exitCode: number
  readonly stdout: string
  /** Last 4 KiB. */
  readonly stderrTail: string
}

export interface RunningTool {
  readonly pid: number
  /** Open until ended by the caller, unless `stdin` was given. */
  readonly stdin: Writable
  /**
   * Present when asked for with `stream`. Ends only when the tool succeeded and fails with the error
   * of `done` when it did not, so that a broken tool never looks like a short output.
   * Closing it early ends the tool.
   */
  readonly stdout: Readable
  /** Rejects with MusterError: CommandFailed (program, exit code or signal, tail), Timeout, Cancelled. */
  readonly done: Promise<ToolResult>
  /** SIGTERM to the group, SIGKILL after 5 s; resolves when gone. */
  end(): Promise<void>
}

/** How a tool ended; the `cause` of a CommandFailed. */
export interface ToolExit {
  readonly exitCode: number | null
  readonly signal: string | null
  readonly stderrTail: string
  /** It was ended because the reader of its output had gone. */
  readonly readerGone: boolean
}

export interface ProcessIdentity {
  readonly pid: number
  /** Field 22 of /proc/<pid>/stat: tells a pid from its reuse. */
  readonly startTicks: string
  readonly command: string
}
