/**
 * What the rest of the house sees of the only room that spawns. Processes are *tools*
 * (own group, end with the agent, killed on cancel) or *services* (new session, outlive
 * the agent). Argument arrays only; never a shell.
 */
import type { Readable, Writable } from 'node:stream'

export interface ToolOptions {
  readonly cwd?: string
  /** Added to a minimal environment (PATH, HOME, LANG=C.UTF-8, TZ=UTC); the agent's own is not inherited. */
  readonly env?: Readonly<Record<string, string>>
  /** Operating-system user name; only when the agent is root. */
  readonly runAs?: string
  /** Put into MUSTER_LABEL so that what an older attempt left running is found and ended. */
  readonly label?: string
  readonly signal?: AbortSignal
  readonly stdin?: Readable | string | Uint8Array
  /** `capture` (default, at most 1 MiB), `stream` to read `tool.stdout`, or an absolute path that is created 0600. */
  readonly stdout?: 'capture' | 'stream' | { readonly file: string }
  readonly onStderrLine?: (line: string) => void
  readonly timeoutSeconds?: number
  /** Exit codes that are no failure; default [0]. */
  readonly okExitCodes?: readonly number[]
  /** nice 10, ionice best-effort 7. */
  readonly kind?: 'kind' | 'normal'
}

export interface ToolResult {
  readonly exitCode: number
  readonly stdout: string
  /** Last 4 KiB. */
  readonly stderrTail: string
}

export interface RunningTool {
  readonly pid: number
  readonly stdin: Writable
  /** Present when asked for with `stream`. */
  readonly stdout: Readable
  /** Rejects with MusterError: CommandFailed (program, exit code or signal, tail), Timeout, Cancelled. */
  readonly done: Promise<ToolResult>
  /** SIGTERM to the group, SIGKILL after 5 s; resolves when gone. */
  end(): Promise<void>
}

export interface ProcessIdentity {
  readonly pid: number
  /** Field 22 of /proc/<pid>/stat: tells a pid from its reuse. */
  readonly startTicks: string
  readonly command: string
}
