import { realpath } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import type { ProcessIdentity } from '../../process/process.ts'
import { withConnection } from './connection.ts'
import type { PostgresqlInstance } from './instance.ts'
import { usersOfDataDirectory } from './directory-users.ts'

export interface ServerObservation {
  readonly state: 'running' | 'stopped'
  /** Every process with the data directory open, a server's or another's. */
  readonly processes: readonly ProcessIdentity[]
  /** Who answers at the configured address: this server, another one, or nobody. */
  readonly listener: 'ours' | 'other' | 'none'
}

/**
 * Looks whether the component's server runs. `stopped` is proof: no process has the data directory open and
 * whatever answers at its address is another server. A lock file counts for nothing.
 */
export async function observeServer(instance: PostgresqlInstance): Promise<ServerObservation> {
  const processes = await usersOfDataDirectory(instance.config.dataDirectory)
  const answered = await answers(instance)
  const listener = answered ? await whoAnswers(instance, processes.length > 0) : 'none'
  const state = processes.length > 0 || listener === 'ours' ? 'running' : 'stopped'
  return { state, processes, listener }
}

async function answers(instance: PostgresqlInstance): Promise<boolean> {
  const { host, port } = instance.config.connection
  const address = host.startsWith('/') ? { path: join(host, `.s.PGSQL.${port}`) } : { host, port }
  return new Promise((resolve) => {
    const socket = createConnection({ ...address, timeout: 3000 })
    const settle = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => settle(true))
    socket.once('error', () => settle(false))
    socket.once('timeout', () => settle(false))
  })
}

/**
 * An agent that is not root does not see other users' processes, so a listener is asked who it is; one that does
 * not tell counts as ours unless root saw that no process has the directory open.
 */
async function whoAnswers(instance: PostgresqlInstance, processFound: boolean): Promise<'ours' | 'other'> {
  try {
    const told = await withConnection(
      instance,
      async (client) => {
        const { rows } = await client.query("select current_setting('data_directory') as directory")
        return rows[0].directory as string
      },
      { connectTimeoutSeconds: 3 },
    )
    if ((await real(told)) !== (await real(instance.config.dataDirectory))) return 'other'
    // The same path may be another host's; root sees every process of this one.
    return processFound || !seesEveryProcess() ? 'ours' : 'other'
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    return processFound || !seesEveryProcess() ? 'ours' : 'other'
  }
}

async function real(path: string): Promise<string> {
  return realpath(path).catch(() => path)
}

function seesEveryProcess(): boolean {
  return process.geteuid?.() === 0
}
