/**
 * A whole system on this machine for a test: a real PostgreSQL, a tree, a service, stores, keys, a Temporal server,
 * workers and the WAL shipper. `stop` leaves nothing.
 */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from '@temporalio/client'
import { TestWorkflowEnvironment } from '@temporalio/testing'
import type { Agent } from '../../activities/agent.ts'
import { parseConfig } from '../../config/load.ts'
import type { Config } from '../../domain/config.ts'
import { createAgent } from '../../wiring/agent.ts'
import { applyHere } from '../../wiring/apply.ts'
import { makeKeys } from '../../wiring/keys.ts'
import { keyFiles, type Places } from '../../wiring/places.ts'
import { saveReplayKit } from '../../wiring/replay-kits.ts'
import { quietTemporal } from '../../wiring/quiet-temporal.ts'
import { runHostShipper } from '../../wiring/shipper.ts'
import { buildWorkflowBundle, type WorkflowBundle } from '../../workers/bundle.ts'
import { createWorkers, runWorkers } from '../../workers/worker.ts'
import { temporalPath } from './tools.ts'

let bundle: Promise<WorkflowBundle> | null = null

/** Built once per test run. */
export function workflowBundle(): Promise<WorkflowBundle> {
  bundle ??= buildWorkflowBundle()
  return bundle
}

/** @param settings of the server, beside those that make its timers exact */
export async function startTemporal(settings: Readonly<Record<string, string>> = {}): Promise<TestWorkflowEnvironment> {
  // Timers under a second take a second otherwise.
  const all = { 'history.timerProcessorMaxTimeShift': '1ms', ...settings }
  quietTemporal()
  return startLocally({
    server: {
      executable: { type: 'existing-path', path: await temporalPath() },
      log: { format: 'pretty', level: 'error' },
      extraArgs: Object.entries(all).flatMap(([name, value]) => ['--dynamic-config-value', `${name}="${value}"`]),
    },
  })
}

const mostStarts = 6

/** A server that has not begun within five seconds is ended by the SDK; on a busy machine the next one has. */
export async function startLocally(options: Parameters<typeof TestWorkflowEnvironment.createLocal>[0]): Promise<TestWorkflowEnvironment> {
  for (let starts = 1; ; starts++) {
    try {
      return await TestWorkflowEnvironment.createLocal(options)
    } catch (error) {
      if (starts === mostStarts) throw error
    }
  }
}

export interface Rig {
  readonly base: string
  readonly places: Places
  readonly config: Config
  readonly agent: Agent
  readonly client: Client
  /** Applies another text of muster.yaml. */
  reconfigure(text: string): Promise<void>
  stopWorkers(): Promise<void>
  startWorkers(): Promise<void>
  stopShipper(): Promise<void>
  startShipper(): Promise<void>
  stop(): Promise<void>
}

export interface RigOptions {
  /** `nativeConnection` is what workers in this process need. */
  readonly env: Pick<TestWorkflowEnvironment, 'client' | 'namespace'> & Partial<Pick<TestWorkflowEnvironment, 'nativeConnection'>>
  /** Text of muster.yaml; `BASE` stands for the rig's directory. */
  readonly yaml: (base: string) => string
  readonly prepare?: (base: string) => Promise<void>
  /** In this process, at once; false where they run in processes of their own. */
  readonly withWorkers?: boolean
  readonly withShipper?: boolean
}

export async function createRig({ env, yaml, prepare, withWorkers = true, withShipper = true }: RigOptions): Promise<Rig> {
  const base = await mkdtemp(join(tmpdir(), 'muster-rig-'))
  await chmod(base, 0o755)
  const places: Places = { configFile: join(base, 'muster.yaml'), home: join(base, 'home'), keys: join(base, 'keys') }
  await mkdir(places.home, { recursive: true, mode: 0o711 })
  await makeKeys(places, 'localhost')
  await prepare?.(base)
  const state: {
    config: Config
    workers: { stop: AbortController; done: Promise<void> } | null
    shipper: { stop: AbortController; done: Promise<void> } | null
  } = {
    config: await apply(places, yaml(base), env.client),
    workers: null,
    shipper: null,
  }
  const rig: Rig = {
    base,
    places,
    get config() {
      return state.config
    },
    agent: await createAgent({ places, host: 'localhost', site: 'primary', temporal: env.client }),
    client: env.client,
    async reconfigure(text) {
      state.config = await apply(places, text, env.client)
    },
    async startWorkers() {
      if (!env.nativeConnection) throw new Error('workers in this process need a native connection to Temporal')
      await saveReplayKit(places, await workflowBundle())
      const workers = await createWorkers({
        connection: env.nativeConnection,
        namespace: env.namespace ?? 'default',
        agent: rig.agent,
        roles: { workflows: true, site: true, host: true },
        bundle: await workflowBundle(),
      })
      const stop = new AbortController()
      state.workers = { stop, done: runWorkers(workers, stop.signal) }
    },
    async stopWorkers() {
      state.workers?.stop.abort()
      await state.workers?.done
      state.workers = null
    },
    async startShipper() {
      const stop = new AbortController()
      state.shipper = { stop, done: runHostShipper(places, 'localhost', 'primary', stop.signal) }
      await waitFor(
        'the WAL shipper',
        async () => (await rig.agent.postgresql.shipperRequest(rig.agent.shipperSocket, 'status', undefined).catch(() => null)) !== null,
      )
    },
    async stopShipper() {
      state.shipper?.stop.abort()
      await state.shipper?.done
      state.shipper = null
    },
    async stop() {
      await rig.stopWorkers()
      await rig.stopShipper()
      await rm(base, { recursive: true, force: true })
    },
  }
  if (withWorkers) await rig.startWorkers()
  if (withShipper) await rig.startShipper()
  return rig
}

async function apply(places: Places, text: string, client: Client): Promise<Config> {
  await writeFile(places.configFile, text)
  const recipients = (await import('../../adapters/crypto/age-identity.ts')).ageRecipientOf
  const { config } = parseConfig(text, 'muster.yaml', { host: 'localhost', recipients: [await recipients(join(places.keys, keyFiles.identity))] })
  await applyHere(places, { config, temporal: null })
  await client.connection.ensureConnected?.()
  return config
}

/** Waits for something real, at most `seconds`. */
export async function waitFor(what: string, look: () => Promise<boolean>, seconds = 60): Promise<void> {
  const deadline = Date.now() + seconds * 1000
  while (!(await look())) {
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
