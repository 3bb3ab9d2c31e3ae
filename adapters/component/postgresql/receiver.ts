/**
 * One life of pg_receivewal, and the words by which it says why it ended. Whether and where it
 * begins again is the shipper's decision, made from what it can prove.
 */
import { MusterError } from '../../../domain/failures.ts'
import { startTool } from '../../process/run-tool.ts'
import type { RunningTool } from '../../process/process.ts'
import { connectionArguments, withConnection } from './connection.ts'
import { assertReachable, osUserOf } from './instance.ts'
import type { PostgresqlInstance } from './instance.ts'
import { findClientProgram } from './programs.ts'
import { slotName } from './slots.ts'
import type { Receiver, ReceiverEnd, ReceiverEndKind, Spool } from './wal-source.ts'

/** How long the tool may take to leave after SIGINT. */
const leaveSeconds = 5

const sentences: readonly (readonly [ReceiverEndKind, RegExp])[] = [
  ['wal-removed', /has already been removed|can no longer access replication slot|can no longer get changes|invalidated/],
  ['slot-busy', /is active for PID/],
  ['slot-missing', /replication slot ".*" does not exist/],
  ['not-in-history', /is not in this server's history|is ahead of the WAL flush position|different from|not match/],
  ['bad-partial', /should be 0 or \d+/],
  [
    'disconnected',
    /could not connect|connection to server|stream was terminated|server closed the connection|could not receive data|shutting down|starting up|could not send/,
  ],
]

/** Which kind of end the tool's error output tells of. */
export function classifyEnd(stderr: string): ReceiverEndKind {
  return sentences.find(([, pattern]) => pattern.test(stderr))?.[0] ?? 'failed'
}

/**
 * Starts receiving into the spool where its newest file says. The stream is flushed as it arrives, so that
 * what the server is told is true after a power cut.
 * @throws MusterError ToolTooOld, PreconditionFailed, DatabaseDown
 */
export async function startReceiver(instance: PostgresqlInstance, spool: Spool): Promise<Receiver> {
  const version = await withConnection(instance, async (client) => {
    const { rows } = await client.query<{ version: number }>("select current_setting('server_version_num')::int as version")
    return rows[0]?.version as number
  })
  const program = await findClientProgram(instance, 'pg_receivewal', version)
  const connection = await connectionArguments(instance, { applicationName: slotName(instance, 'stream') })
  const runAs = await osUserOf(instance)
  await assertReachable(instance, spool.directory)
  const lines: string[] = []
  const tool = startTool(
    program.path,
    [...connection.args, '--slot', slotName(instance, 'stream'), '--directory', spool.directory, '--synchronous', '--no-loop', '--status-interval', '5'],
    {
      env: connection.env,
      stdin: '',
      stdout: 'discard',
      ...(runAs === undefined ? {} : { runAs }),
      onStderrLine: (line) => void (lines.push(line) > 40 && lines.shift()),
    },
  )
  let asked = false
  return {
    pid: tool.pid,
    startedAtMs: Date.now(),
    ended: endOf(tool, lines, () => asked),
    async stop() {
      asked = true
      await leave(tool)
    },
    async kill() {
      signal(tool.pid, 'SIGKILL')
      await tool.done.catch(() => undefined)
    },
  }
}

async function endOf(tool: RunningTool, lines: readonly string[], asked: () => boolean): Promise<ReceiverEnd> {
  const failure = await tool.done.then(
    () => null,
    (error: unknown) => (error instanceof MusterError ? error.message : String(error)),
  )
  const text = lines.join('\n')
  if (asked() || failure === null) return { kind: asked() ? 'stopped' : 'disconnected', detail: lines.at(-1) ?? 'ended' }
  return {
    kind: classifyEnd(text),
    detail:
      lines
        .filter((line) => /error|fatal|detail/i.test(line))
        .slice(-2)
        .join(' / ') || failure,
  }
}

async function leave(tool: RunningTool): Promise<void> {
  signal(tool.pid, 'SIGINT')
  const timer = setTimeout(() => signal(tool.pid, 'SIGKILL'), leaveSeconds * 1000)
  await tool.done.catch(() => undefined)
  clearTimeout(timer)
}

/** The tool leads a group of its own; a stopped one takes SIGKILL too. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name)
  } catch {
    // gone already
  }
}
