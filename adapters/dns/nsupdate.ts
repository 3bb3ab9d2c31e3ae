/** One signed update, sent by BIND's `nsupdate`. The key is given on its standard input, never as an argument. */
import type { TsigAlgorithm } from '../../domain/config.ts'
import type { RecordSet } from '../../domain/dns.ts'
import { MusterError } from '../../domain/failures.ts'
import { runTool, toolExitOf } from '../process/run-tool.ts'
import { placeText, type ServerPlace } from './ask.ts'
import { explainUpdate, isStale } from './nsupdate-failures.ts'

export interface TsigKey {
  /** Canonical. */
  readonly name: string
  readonly algorithm: TsigAlgorithm
  /** Base64. */
  readonly secret: string
}

export interface Update {
  readonly zone: string
  /** What must be there, each value and no other; the server changes nothing otherwise. */
  readonly present: RecordSet
  /** What replaces it; null to send an update that changes nothing. */
  readonly wanted: RecordSet | null
}

/** How it can be ended: by us, and by a later attempt that finds it by its label. */
export interface ToolWork {
  readonly signal?: AbortSignal
  readonly label?: string
}

const udpSeconds = 2
const toolSeconds = 30

/**
 * Sends it to one server and waits for the answer.
 * @returns `stale` when the record was not as `present` says: nothing was changed
 * @throws MusterError CredentialsRejected, Unreachable, PreconditionFailed, CommandFailed, Cancelled
 */
export async function sendUpdate(server: ServerPlace, key: TsigKey, update: Update, how: ToolWork = {}): Promise<'done' | 'stale'> {
  const args = ['-t', String(3 * udpSeconds), '-u', String(udpSeconds), '-r', '1']
  try {
    await runTool('nsupdate', args, { stdin: scriptOf(server, key, update), timeoutSeconds: toolSeconds, ...how })
    return 'done'
  } catch (error) {
    const exit = toolExitOf(error)
    if (exit === undefined) throw explainStart(error)
    if (isStale(exit)) return 'stale'
    throw explainUpdate(exit, { server: placeText(server), zone: update.zone, record: `${update.present.name} ${update.present.type}`, key: key.name })
  }
}

/** All parts are canonical: no line end and no blank can be in any of them. */
function scriptOf(server: ServerPlace, key: TsigKey, { zone, present, wanted }: Update): string {
  const { name, type } = present
  const added = wanted ?? present
  return [
    `server ${server.address} ${server.port}`,
    `zone ${zone}`,
    `key ${key.algorithm}:${key.name} ${key.secret}`,
    ...present.values.map((value) => `prereq yxrrset ${name} IN ${type} ${value}`),
    ...(wanted === null ? [] : [`update delete ${name} ${type}`]),
    // A record that is there with this TTL is added without a change; the right to add it is judged all the same.
    ...added.values.map((value) => `update add ${name} ${added.ttlSeconds} IN ${type} ${value}`),
    'send',
    '',
  ].join('\n')
}

function explainStart(error: unknown): unknown {
  if (!(error instanceof MusterError) || error.type !== 'CommandFailed') return error
  return new MusterError('CommandFailed', error.message, {
    cause: error,
    hint: 'install nsupdate on this host (Debian: apt-get install bind9-dnsutils; Fedora: bind-utils), then run: muster doctor',
  })
}
