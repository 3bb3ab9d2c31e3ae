/** `muster up`: Temporal's embedded server, one worker process and the WAL shipper on this host, supervised; on loopback unless told. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { join } from 'node:path'
import { Connection } from '@temporalio/client'
import { configHash } from '../config/canonical.ts'
import type { Config } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'
import { newestHash } from './applied-config.ts'
import { packageRoot } from './agent.ts'
import { loadHere } from './load-here.ts'
import { guardedHost } from './guarded-host.ts'
import { keepSchedules } from './keep-schedules.ts'
import { openedHere } from './open/install.ts'
import { claimState } from './one-supervisor.ts'
import type { Places } from './places.ts'
import { untilStopped } from './stop-signal.ts'
import { type Supervised, supervise } from './supervise.ts'
import { findTemporal } from './temporal-program.ts'
import { type UpHere, upFile } from './up-here.ts'

export interface UpOptions {
  readonly port: number
  readonly uiPort: number
  /** `0.0.0.0` for every address of this machine; its own commands use loopback then. */
  readonly listen: string
  /** Which host this is; the first of the configuration, or the one that a store was opened as, unless given. */
  readonly host?: string
  readonly site?: string
}

const loopback = '127.0.0.1'
const everyAddress = '0.0.0.0'

const retentionDays = 30

export async function runUp(places: Places, options: UpOptions): Promise<void> {
  const signal = untilStopped()
  const { host, site, config } = await whereUp(places, options)
  const logs = join(places.home, 'logs')
  await mkdir(logs, { recursive: true, mode: 0o711 })
  const own = options.listen === everyAddress ? loopback : options.listen
  const address = `${own}:${options.port}`
  const ui = `http://${own}:${options.uiPort}`
  const env = { ...process.env, TEMPORAL_ADDRESS: address, MUSTER_HOME: places.home, MUSTER_KEYS: places.keys, MUSTER_CONFIG: places.configFile }
  const say = (text: string) => process.stderr.write(`${text}\n`)
  const release = await claimState(places.home)
  const parts: Supervised[] = []
  const muster = (name: string, args: readonly string[]) =>
    parts.push(supervise({ name, command: process.execPath, args: [...entry(), ...args], env, logFile: join(logs, `${name}.log`) }, say))
  try {
    await refuseTaken(own, options.port, 'Temporal')
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
            options.listen,
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
    if (config) await applyWhenChanged(places, config, env)
    else void keepSchedules(places, address, site, say, signal).catch((error: unknown) => say(`schedules are not kept: ${String(error)}`))
    muster('shipper', ['shipper', '--host', host, '--site', site])
    await writeFile(upFile(places), JSON.stringify({ pid: process.pid, address, listen: options.listen, ui, host, site } satisfies UpHere), {
      mode: 0o600,
    })
    say(`temporal ${address} (ui ${ui}) · worker · WAL shipper\nstate in ${places.home}; stop with Ctrl-C`)
    if (options.port !== 7233 || options.uiPort !== 8233 || own !== loopback) say(`in other terminals:  export TEMPORAL_ADDRESS=${address} MUSTER_UI=${ui}`)
    if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  } finally {
    for (const part of parts.reverse()) await part.stop()
    await rm(upFile(places), { force: true })
    await release()
  }
}

/** With the configuration that is to be applied; null on a machine that was set up from a store, which works by what was applied. */
async function whereUp(places: Places, options: UpOptions): Promise<{ readonly host: string; readonly site: string; readonly config: Config | null }> {
  const opened = await openedHere(places)
  if (opened) return { host: options.host ?? opened.host, site: options.site ?? opened.site, config: null }
  if (options.host !== undefined && (await newestHash(places)) !== null) return { ...(await guardedHost(places, options)), config: null }
  const { config } = await loadHere(places)
  // A site without hosts is where a store stands; nothing of ours runs there.
  const [first, { hosts } = { hosts: [] }] = Object.entries(config.sites).find(([, one]) => one.hosts.length > 0) ?? []
  return { host: options.host ?? hosts[0] ?? 'localhost', site: options.site ?? first ?? 'primary', config }
}

/** This program again, built or from the sources. */
function entry(): readonly string[] {
  const script = process.argv[1] ?? join(packageRoot(), 'bin', 'muster')
  return script.endsWith('.ts') ? ['--import', createRequire(import.meta.url).resolve('tsx'), script] : [script]
}

async function refuseTaken(host: string, port: number, what: string): Promise<void> {
  const taken = await new Promise<boolean>((resolve) => {
    const socket = connect(port, host, () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
  if (taken)
    throw new MusterError('PreconditionFailed', `port ${port}, wanted for ${what}, is taken`, {
      hint: 'something else listens there; choose others: muster up --port N --ui-port N',
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

async function applyWhenChanged(places: Places, config: Config, env: NodeJS.ProcessEnv): Promise<void> {
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
