import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import { awaitAnswering } from './await-answering.ts'
import { withConnection } from './connection.ts'
import { type ServerFacts, inspectServer } from './inspect.ts'
import { type PostgresqlInstance, nameOf } from './instance.ts'
import { type Quarantine, hbaFileName, isolation, quarantineClusterName } from './quarantine.ts'
import { launchQuarantined, quarantinedProcesses } from './quarantined-server.ts'
import { walMarkerName } from './recovery-settings.ts'
import type { ServerOptions } from './server.ts'

const defaultTimeoutSeconds = 300

/** The quarantine of the swapped-in server: the configured data directory behind a private socket. */
export function closedQuarantine(instance: PostgresqlInstance, place: Omit<Quarantine, 'directory'>): Quarantine {
  return { directory: instance.config.dataDirectory, ...place }
}

/**
 * Starts the server of the configured data directory closed: as in quarantine, but writable, so that checks,
 * ticks and the shipper can work over the private socket. Stop it with `stopQuarantined`. Idempotent.
 * @throws MusterError TargetRunning, PreconditionFailed (recovery settings are left), CommandFailed, Timeout, Cancelled
 */
export async function startClosed(
  instance: PostgresqlInstance,
  place: Omit<Quarantine, 'directory'>,
  start: { readonly preload?: readonly string[]; readonly label?: string } = {},
  options: ServerOptions = {},
): Promise<ServerFacts> {
  const quarantine = closedQuarantine(instance, place)
  for (const name of ['recovery.signal', 'standby.signal']) {
    const there = await access(join(quarantine.directory, name)).then(
      () => true,
      () => false,
    )
    if (there) throw new MusterError('PreconditionFailed', `${quarantine.directory} has a ${name}: it would start a recovery`)
  }
  if ((await quarantinedProcesses(quarantine)).length === 0) {
    const mayStart = options.mayAct === undefined ? {} : { mayStart: options.mayAct }
    await launchQuarantined(instance, quarantine, { mode: 'closed', preload: start.preload ?? [], ...labelOf(start), ...mayStart })
  }
  await awaitAnswering(instance, quarantine.directory, {
    ...options,
    timeoutSeconds: options.timeoutSeconds ?? defaultTimeoutSeconds,
    logFile: quarantine.logFile,
    target: { socketDirectory: quarantine.socketDirectory, port: quarantine.port },
  })
  return inspectServer(instance, quarantine)
}

function labelOf(start: { readonly label?: string }): { readonly label?: string } {
  return start.label === undefined ? {} : { label: start.label }
}

/**
 * Proves that the component's server is open: it answers at the configured address, is the server of the configured
 * data directory, is out of recovery, and nothing of a quarantine or a recovery is left on it.
 * @throws MusterError PreconditionFailed naming what is left; WrongTarget, DatabaseDown, CredentialsRejected
 */
export async function proveOpen(instance: PostgresqlInstance): Promise<ServerFacts> {
  const facts = await inspectServer(instance)
  const left = await leftoversOn(instance)
  if (facts.inRecovery) left.push('it is in recovery')
  if (left.length === 0) return facts
  throw new MusterError('PreconditionFailed', `${nameOf(instance)} is not open as it should be: ${left.join(', ')}`, {
    hint: 'stop the server and start it as its manager does',
  })
}

interface Setting {
  readonly name: string
  readonly setting: string
  readonly source: string
}

async function leftoversOn(instance: PostgresqlInstance): Promise<string[]> {
  const settings = await withConnection(instance, async (client) => {
    const { rows } = await client.query<Setting>('select name, setting, source from pg_settings')
    return rows
  })
  return settings.filter((setting) => isLeftover(instance, setting)).map(({ name, setting }) => `${name} = '${setting}'`)
}

function isLeftover(instance: PostgresqlInstance, { name, setting, source }: Setting): boolean {
  if (name === 'cluster_name') return setting === quarantineClusterName
  if (name === 'restore_command') return setting.includes(walMarkerName)
  if (name === 'hba_file') return setting.endsWith(`/${hbaFileName}`)
  if (source !== 'command line') return false
  const { server } = instance.config
  // What the configured manager itself puts on the command line is meant to be there.
  const meant = server.control === 'pg_ctl' && server.options.some((option) => option.includes(name))
  return !meant && isolation[name] === setting
}
