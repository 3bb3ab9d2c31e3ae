/** `muster up`: Temporal's embedded server, one worker process and the WAL shipper on this host, on loopback, supervised. */
import { mkdir, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { join } from 'node:path'
import { Connection } from '@temporalio/client'
import { configHash } from '../config/canonical.ts'
import { MusterError } from '../domain/failures.ts'
import { newestHash } from './applied-config.ts'
import { packageRoot } from './agent.ts'
import { loadHere } from './load-here.ts'
import type { Places } from './places.ts'
import { untilStopped } from './stop-signal.ts'
import { type Supervised, supervise } from './supervise.ts'
import { findTemporal } from './temporal-program.ts'

export interface UpOptions {
  readonly port: number
  readonly uiPort: number
}

const retentionDays = 30

export async function runUp(places: Places, options: UpOptions): Promise<void> {
  const signal = untilStopped()
  const { config } = await loadHere(places)
  const host = Object.values(config.sites)[0]?.hosts[0] ?? 'localhost'
  const site = Object.keys(config.sites)[0] ?? 'primary'
  const logs = join(places.home, 'logs')
  await mkdir(logs, { recursive: true, mode: 0o711 })
  const address = `127.0.0.1:${options.port}`
  const env = { ...process.env, TEMPORAL_ADDRESS: address, MUSTER_HOME: places.home, MUSTER_KEYS: places.keys, MUSTER_CONFIG: places.configFile }
  const say = (text: string) => process.stderr.write(`${text}\n`)
  await refuseTaken(options.port, 'Temporal')
  const parts: Supervised[] = []
  const muster = (name: string, args: readonly string[]) =>
    parts.push(supervise({ name, command: process.execPath, args: [...entry(), ...args], env, logFile: join(logs, `${name}.log`) }, say))
  try {
    const temporal = await findTemporal()
    parts.push(
      supervise(
        {
          name: 'temporal',
          command: temporal,
          args: [
            'server',
            'start-dev',
            '--ip',
            '127.0.0.1',
            '--port',
            String(options.port),
            '--ui-port',
            String(options.uiPort),
            '--db-filename',
            join(places.home, 'temporal.db'),
            '--log-level',
            'warn',
          ],
          env: process.env,
          logFile: join(logs, 'temporal.log'),
        },
        say,
      ),
    )
    await keepHistories(address, signal)
    muster('worker', ['worker', '--host', host, '--site', site, '--all'])
    process.env['TEMPORAL_ADDRESS'] = address
    await applyWhenChanged(places, config, env)
    muster('shipper', ['shipper', '--host', host, '--site', site])
    await writeFile(join(places.home, 'up.json'), JSON.stringify({ pid: process.pid, address, ui: `http://127.0.0.1:${options.uiPort}`, host, site }), {
      mode: 0o600,
    })
    say(`temporal ${address} (ui http://127.0.0.1:${options.uiPort}) · worker · WAL shipper\nstate in ${places.home}; stop with Ctrl-C`)
    let applied = await newestHash(places)
    while (!signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, 1000))
      const newest = await newestHash(places)
      if (newest !== applied) {
        applied = newest
        parts.find(({ name }) => name === 'shipper')?.restart()
      }
    }
  } finally {
    for (const part of parts.reverse()) await part.stop()
  }
}

/** This program again, built or from the sources. */
function entry(): readonly string[] {
  const script = process.argv[1] ?? join(packageRoot(), 'bin', 'muster')
  return script.endsWith('.ts') ? ['--import', createRequire(import.meta.url).resolve('tsx'), script] : [script]
}

async function refuseTaken(port: number, what: string): Promise<void> {
  const taken = await new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
  if (taken)
    throw new MusterError('PreconditionFailed', `port ${port}, wanted for ${what}, is taken`, {
      hint: 'is muster up running already? else choose another: muster up --port N --ui-port N',
    })
}

/** Waits for the server, and raises the 24 h for which it would keep histories. */
async function keepHistories(address: string, signal: AbortSignal): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      const connection = await Connection.connect({ address, connectTimeout: 2000 })
      await connection.workflowService.updateNamespace({
        namespace: 'default',
        config: { workflowExecutionRetentionTtl: { seconds: (retentionDays * 86_400) as never } },
      })
      await connection.close()
      return
    } catch (error) {
      if (signal.aborted || tries > 60)
        throw new MusterError('TemporalUnreachable', `the embedded Temporal server did not come up at ${address}`, { cause: error })
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  }
}

async function applyWhenChanged(places: Places, config: Awaited<ReturnType<typeof loadHere>>['config'], env: NodeJS.ProcessEnv): Promise<void> {
  if ((await newestHash(places)) === configHash(config)) return
  const { runTool } = await import('../adapters/process/run-tool.ts')
  const passed = Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined))
  for (let tries = 0; ; tries++) {
    try {
      await runTool(process.execPath, [...entry(), 'apply'], { env: passed, cwd: packageRoot(), timeoutSeconds: 60 })
      return
    } catch (error) {
      // Schedules carry search attributes, which the worker registers when it starts.
      if (tries > 5) throw error
      await new Promise((resolve) => setTimeout(resolve, 1500))
    }
  }
}
