/** A Temporal server in a process of its own, as `muster up` starts it, which can be killed and come back. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from '@temporalio/client'
import { freePort } from '../test/support/postgres-cluster.ts'
import { temporalPath } from '../test/support/tools.ts'

export interface TemporalServer {
  readonly address: string
  /** SIGKILL; resolves when it is gone. Does nothing to one that is. */
  kill(): Promise<void>
  /** On the same port and database. */
  restart(): Promise<void>
}

const startSeconds = 30

/** @param folder where its database lies */
export async function startTemporalServer(folder: string): Promise<TemporalServer> {
  const port = await freePort()
  const address = `127.0.0.1:${port}`
  let child: ChildProcess | null = null
  const server: TemporalServer = {
    address,
    async kill() {
      const one = child
      child = null
      if (!one || one.exitCode !== null || one.signalCode !== null) return
      const gone = new Promise((resolve) => one.once('exit', resolve))
      one.kill('SIGKILL')
      await gone
    },
    async restart() {
      child = spawn(await temporalPath(), serverArguments(port, join(folder, 'temporal.db')), { stdio: 'ignore' })
      await untilAnswering(address)
    },
  }
  await server.restart()
  return server
}

function serverArguments(port: number, database: string): readonly string[] {
  const place = ['--ip', '127.0.0.1', '--port', String(port), '--db-filename', database]
  return ['server', 'start-dev', '--headless', ...place, '--log-level', 'never']
}

async function untilAnswering(address: string): Promise<void> {
  for (const deadline = Date.now() + startSeconds * 1000; Date.now() < deadline; await sleep(200)) {
    const connection = await Connection.connect({ address, connectTimeout: 1000 }).catch(() => null)
    if (!connection) continue
    await connection.close()
    return
  }
  throw new Error(`the Temporal server did not answer at ${address} within ${startSeconds} s`)
}
