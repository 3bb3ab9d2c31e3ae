/**
 * `--offline`: Temporal is gone with the other site. An embedded one is started here, with the agent and the WAL shipper of this
 * host, and goes on when this command has ended.
 */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning } from '../adapters/process/find-processes.ts'
import { startService } from '../adapters/process/start-service.ts'
import { connectTemporal } from '../clients/connection.ts'
import { MusterError } from '../domain/failures.ts'
import { readAppliedConfig } from './applied-config.ts'
import { guardedHost } from './guarded-host.ts'
import { openedHere } from './open/install.ts'
import { addressesHere, otherHostTexts } from './other-hosts.ts'
import { ownCommand } from './own-command.ts'
import type { Places } from './places.ts'
import { localTrust } from './trust.ts'
import { type UpHere, upHere } from './up-here.ts'

export interface OfflineOptions {
  /** Site that the system would move to. */
  readonly goesTo: string
  readonly port: number
  readonly uiPort: number
  readonly listen: string
  readonly say: (text: string) => void
  /** What a person must not miss. */
  readonly warn: (text: string) => void
  /** Who does it. */
  readonly by: string
}

/** Who has said that an empty Temporal is to be used without the one that is gone, and when. */
export interface SentBy {
  readonly by: string
  readonly at: string
}

/** Both, for the workers of this Temporal: they need no adoption by another command. */
const sentByVariable = 'MUSTER_SENT_BY'

/** Null where nobody has said anything, or not when. */
export function sentBy(env: NodeJS.ProcessEnv = process.env): SentBy | null {
  const [at = '', ...by] = (env[sentByVariable] ?? '').split(' ')
  return Number.isNaN(Date.parse(at)) || by.length === 0 ? null : { at, by: by.join(' ') }
}

/** Longer than a cold start of everything takes. */
const startSeconds = 120

/** The Temporal of this machine, which from now on is the one that this process talks to. @throws MusterError PreconditionFailed, InvalidInput at another site, TemporalUnreachable */
export async function goOffline(places: Places, options: OfflineOptions): Promise<UpHere> {
  const running = await upHere(places)
  const here = running ?? (await openedHere(places)) ?? (await guardedHost(places, {}))
  if (here.site !== options.goesTo)
    throw new MusterError('InvalidInput', `this machine is host ${here.host} at site "${here.site}"; the system would go to "${options.goesTo}"`, {
      hint: `run it on a host of site ${options.goesTo}`,
    })
  if (!running) await refuseWhereTemporalAnswers()
  const up = running ?? (await startUp(places, here, options))
  process.env['TEMPORAL_ADDRESS'] = up.address
  process.env['MUSTER_UI'] = up.ui
  const { config } = await readAppliedConfig(places, (await localTrust(places)).verifier, null)
  for (const text of otherHostTexts(config, up, addressesHere())) options.warn(text)
  return up
}

/** Two that orchestrate one system would each believe to be alone. */
async function refuseWhereTemporalAnswers(): Promise<void> {
  const address = process.env['TEMPORAL_ADDRESS']
  if (!address) return
  const client = await connectTemporal(3).catch(() => null)
  if (!client) return
  await client.connection.close()
  throw new MusterError('PreconditionFailed', `Temporal answers at ${address}: a failover can be run there`, {
    hint: 'leave --offline out; where that Temporal is not to be used any more: unset TEMPORAL_ADDRESS',
  })
}

async function startUp(
  places: Places,
  { host, site }: { readonly host: string; readonly site: string },
  { port, uiPort, listen, say, by }: OfflineOptions,
): Promise<UpHere> {
  const logs = join(places.home, 'logs')
  await mkdir(logs, { recursive: true, mode: 0o711 })
  const logFile = join(logs, 'up.log')
  const [program, ...first] = ownCommand()
  const args = [
    ...first,
    '--config',
    places.configFile,
    'up',
    '--host',
    host,
    '--site',
    site,
    '--port',
    String(port),
    '--ui-port',
    String(uiPort),
    '--listen',
    listen,
  ]
  say(`starting Temporal, agent and WAL shipper of ${host} at site ${site}; log in ${logFile}`)
  const started = await startService(program, args, {
    logFile,
    env: { ...passedOn(), [sentByVariable]: `${new Date().toISOString()} ${by}`, MUSTER_HOME: places.home, MUSTER_KEYS: places.keys },
  })
  for (let waited = 0; waited < startSeconds * 4 && (await isRunning(started)); waited++) {
    const up = await upHere(places)
    if (up) {
      say(`they go on by themselves (process ${up.pid}, Temporal ${up.address}, ui ${up.ui})`)
      return up
    }
    await sleep(250)
  }
  const tail = (await readFile(logFile, 'utf8').catch(() => '')).trim().split('\n').slice(-3).join(' ')
  throw new MusterError('TemporalUnreachable', `the embedded Temporal did not come up: ${tail}`, { hint: `see ${logFile}; other ports: --port N --ui-port N` })
}

function passedOn(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).filter((one): one is [string, string] => one[1] !== undefined))
}
