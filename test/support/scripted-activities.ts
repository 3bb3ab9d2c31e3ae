/**
 * Procedures on a real Temporal server with scripted activities: the same types on the same queues, but what each
 * answers is written down by the case. Every call is recorded with its input and the moments it started and ended.
 */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Context } from '@temporalio/activity'
import { Client, WorkflowFailedError, type WorkflowHandle, WorkflowUpdateFailedError } from '@temporalio/client'
import { ActivityFailure, ApplicationFailure, CancelledFailure, TerminatedFailure } from '@temporalio/common'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { Worker, type WorkerOptions } from '@temporalio/worker'
import { toFailure } from '../../activities/boundary.ts'
import type { HostActivities } from '../../activities/host/index.ts'
import type { SiteActivities } from '../../activities/site/index.ts'
import { canonicalJson } from '../../domain/canonical-json.ts'
import { installationChain } from '../../domain/object-keys.ts'
import { type FailureType, MusterError } from '../../domain/failures.ts'
import { quietTemporal } from '../../wiring/quiet-temporal.ts'
import { modulePath } from '../../workers/bundle.ts'
import { registerSearchAttributes } from '../../workers/search-attributes.ts'
import { workflowQueue } from '../../workers/worker.ts'
import { startLocally, workflowBundle } from './rig.ts'
import { temporalPath } from './tools.ts'

export type Activities = HostActivities & SiteActivities
export type ActivityName = keyof Activities
export type InputOf<N extends ActivityName> = Parameters<Activities[N]>[0]
export type OutputOf<N extends ActivityName> = Awaited<ReturnType<Activities[N]>>

/** What one activity does when it is called. Throws to fail. */
export type Answer<N extends ActivityName> = (input: InputOf<N>, attempt: number) => OutputOf<N> | Promise<OutputOf<N>>
export type Script = { readonly [N in ActivityName]: Answer<N> }

export interface Call<N extends ActivityName = ActivityName> {
  readonly activity: N
  readonly queue: string
  readonly input: InputOf<N>
  readonly attempt: number
  /** The activity and what it is about: `swapIn database`, `publishCopy uploads → nas`. */
  readonly label: string
}

/** `started` and how it ended, in the order it happened. */
export interface Moment {
  readonly what: 'started' | 'answered' | 'failed' | 'cancelled'
  readonly label: string
  readonly attempt: number
}

/** One case: a system of its own, so that what an earlier case left running does not mix with it. */
export interface Play {
  readonly system: string
  readonly moments: readonly Moment[]
  /** All calls, or those of one activity; every attempt. */
  calls<N extends ActivityName>(activity: N): readonly Call<N>[]
  everyCall(): readonly Call[]
  /** Labels in the order they first started, of the named activities or of all but the notices. */
  order(...activities: ActivityName[]): readonly string[]
  /** Replaces answers while the case runs. */
  change(changes: Partial<Script>): void
}

export interface Stage {
  readonly env: TestWorkflowEnvironment
  readonly client: Client
  /** Begins a case with answers for all activities. */
  play(script: Script, system?: string): Play
  /** Starts a run of the workflow type under an id. */
  start(type: string, workflowId: string, input: unknown, memo?: Record<string, unknown>): Promise<WorkflowHandle>
  /** Ends the workers of the host's urgent queue, as if the agent were gone, until `agentReturns`. */
  agentLeaves(): Promise<void>
  agentReturns(): Promise<void>
  close(): Promise<void>
}

export interface StageOptions {
  /** Fixed where histories are recorded: it stands in many events. */
  readonly identity?: string
  /** Its Temporal server; one of its own otherwise. */
  readonly env?: TestWorkflowEnvironment
  /** Further hosts with an agent each, which does urgent work. */
  readonly hosts?: readonly string[]
  /** Further sites with a worker each. */
  readonly sites?: readonly string[]
}

const host = 'localhost'
const queues = { site: 'muster-site-primary', host: `muster-host-${host}`, urgent: `muster-host-${host}-urgent` } as const

export async function openStage({ identity = 'muster-test', env: given, hosts = [], sites = [] }: StageOptions = {}): Promise<Stage> {
  const env = given ?? (await startServer())
  const crew = new Map<string, { readonly worker: Worker; readonly done: Promise<void> }>()
  const plays = new Map<string, ReturnType<typeof createPlay>>()
  const { nativeConnection: connection } = env
  const namespace = env.namespace ?? 'default'
  const dataConverter = { failureConverterPath: modulePath('../workers/failure-converter') }
  const activities = scriptedActivities((system) => plays.get(system))
  const begin = async (taskQueue: string, duty: Partial<WorkerOptions>) => {
    const throttle = { maxHeartbeatThrottleInterval: 50, defaultHeartbeatThrottleInterval: 50, shutdownGraceTime: 100 }
    const worker = await Worker.create({ connection, namespace, identity, dataConverter, ...throttle, taskQueue, ...duty })
    crew.set(taskQueue, { worker, done: worker.run() })
  }
  const end = async (taskQueue: string) => {
    const member = crew.get(taskQueue)
    crew.delete(taskQueue)
    if (member?.worker.getState() === 'RUNNING') member.worker.shutdown()
    await member?.done
  }
  const close = async () => {
    try {
      await Promise.all([...crew.keys()].map(end))
    } finally {
      await env.teardown()
    }
  }
  try {
    await registerSearchAttributes(connection, namespace)
    await begin(workflowQueue, { workflowBundle: await workflowBundle() })
    const further = [...hosts.map((name) => `muster-host-${name}-urgent`), ...sites.map((name) => `muster-site-${name}`)]
    for (const queue of [...Object.values(queues), ...further]) await begin(queue, { activities })
  } catch (error) {
    // What was begun would keep the process alive.
    await close()
    throw error
  }
  const client = new Client({ connection: env.connection, namespace, identity, dataConverter })
  let count = 0
  return {
    env,
    client,
    play(script, system = `shop-${++count}`) {
      const play = createPlay(system, script)
      plays.set(system, play)
      return play
    },
    start: (type, workflowId, input, memo) => client.workflow.start(type, { taskQueue: workflowQueue, workflowId, args: [input], ...(memo && { memo }) }),
    agentLeaves: () => end(queues.urgent),
    agentReturns: () => begin(queues.urgent, { activities }),
    close,
  }
}

/** Timers under a second take a second, and each step of a run a tenth, unless the server is told to look at its queues more often. */
const quickServer = {
  'history.timerProcessorMaxTimeShift': '"1ms"',
  'history.timerProcessorMaxPollRPS': 2000,
  'history.transferProcessorMaxPollRPS': 2000,
  'history.visibilityProcessorMaxPollRPS': 2000,
}

/** Failures are what these cases are about; the workers' warnings of each would drown the report. */
export function quietly(): void {
  const level = process.env['MUSTER_LOG']
  process.env['MUSTER_LOG'] = level ?? 'error'
  quietTemporal()
  if (level === undefined) delete process.env['MUSTER_LOG']
}

async function startServer(): Promise<TestWorkflowEnvironment> {
  quietly()
  const executable = { type: 'existing-path', path: await temporalPath() } as const
  const extraArgs = Object.entries(quickServer).flatMap(([name, value]) => ['--dynamic-config-value', `${name}=${value}`])
  return startLocally({ server: { executable, log: { format: 'pretty', level: 'error' }, extraArgs } })
}

/** Fails as activities do at their boundary: type of the table, retried where the table says so. */
export function failing(type: FailureType, message: string): () => never {
  return () => {
    const failure = toFailure(new MusterError(type, message))
    failure.stack = ''
    throw failure
  }
}

/** Fails with a type that may be retried, so often, then answers. */
export function failingTimes<N extends ActivityName>(times: number, type: FailureType, message: string, then: Answer<N>): Answer<N> {
  let failed = 0
  return (input, attempt) => (failed++ < times ? failing(type, message)() : then(input, attempt))
}

/** Answers after a while. */
export function slowly<N extends ActivityName>(milliseconds: number, then: Answer<N>): Answer<N> {
  return async (input, attempt): Promise<OutputOf<N>> => {
    await sleep(milliseconds)
    return await then(input, attempt)
  }
}

/** Beats and works until it is cancelled, and then needs a while to end. */
export function untilCancelled(windDownMilliseconds = 0): () => Promise<never> {
  return async () => {
    const { cancellationSignal } = Context.current()
    await new Promise<void>((resolve) => cancellationSignal.addEventListener('abort', () => resolve(), { once: true }))
    await sleep(windDownMilliseconds)
    throw new CancelledFailure('was cancelled')
  }
}

/** Works until it is told of its cancellation, and then answers well all the same. */
export function wellAlthoughCancelled<N extends ActivityName>(then: Answer<N>): Answer<N> {
  return async (input, attempt): Promise<OutputOf<N>> => {
    const { cancellationSignal } = Context.current()
    if (!cancellationSignal.aborted) await new Promise((resolve) => cancellationSignal.addEventListener('abort', resolve, { once: true }))
    return await then(input, attempt)
  }
}

/** Different answers by what the call is about; `otherwise` for the rest. */
export function when<N extends ActivityName>(about: string, then: Answer<N>, otherwise: Answer<N>): Answer<N> {
  return (input, attempt) => (subjectOf(input).split(' → ').includes(about) ? then(input, attempt) : otherwise(input, attempt))
}

/** Waits until something of a case can be seen. */
export async function until(what: string, look: () => boolean | Promise<boolean>, seconds = 60): Promise<void> {
  const deadline = Date.now() + seconds * 1000
  while (!(await look())) {
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s for ${what}`)
    await sleep(20)
  }
}

/** Waits until a run shows a phase, where people see it without a worker. */
export async function untilPhase(handle: WorkflowHandle, phase: string): Promise<void> {
  let seen: unknown
  try {
    await until(phase, async () => (seen = (await handle.describe()).memo?.['phase']) === phase)
  } catch {
    throw new Error(`waited for phase "${phase}", the run is at "${String(seen)}"`)
  }
}

/** Why an Update was refused. @throws Error when it was accepted */
export async function refusalOf(update: Promise<unknown>): Promise<{ readonly type: string; readonly message: string }> {
  try {
    await update
  } catch (error) {
    if (!(error instanceof WorkflowUpdateFailedError) || !(error.cause instanceof ApplicationFailure)) throw error
    return { type: error.cause.type ?? '', message: error.cause.message }
  }
  throw new Error('the Update was accepted')
}

export interface EndOfRun {
  readonly ended: 'failed' | 'cancelled' | 'terminated'
  readonly type: string
  readonly message: string
}

/** How a run ended that did not succeed. @throws Error when it did succeed */
export async function endOf(handle: WorkflowHandle): Promise<EndOfRun> {
  try {
    const result: unknown = await handle.result()
    throw new Error(`the run succeeded: ${JSON.stringify(result).slice(0, 500)}`)
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error
    let { cause } = error
    if (cause instanceof CancelledFailure) return { ended: 'cancelled', type: 'Cancelled', message: cause.message }
    if (cause instanceof TerminatedFailure) return { ended: 'terminated', type: 'Terminated', message: cause.message }
    while (cause instanceof ActivityFailure) cause = cause.cause
    return { ended: 'failed', type: cause instanceof ApplicationFailure ? (cause.type ?? '') : '', message: cause?.message ?? '' }
  }
}

export function sha256Of(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex')
}

function createPlay(system: string, script: Script) {
  const moments: Moment[] = []
  const calls: Call[] = []
  let now = script
  const play: Play = {
    system,
    moments,
    everyCall: () => calls,
    calls: <N extends ActivityName>(activity: N) => calls.filter((call) => call.activity === activity) as unknown as readonly Call<N>[],
    order(...activities) {
      const wanted = (call: Call) => (activities.length > 0 ? activities.includes(call.activity) : call.activity !== 'notifyPeople')
      return calls.filter((call) => call.attempt === 1 && wanted(call)).map(({ label }) => label)
    },
    change(changes) {
      now = { ...now, ...changes }
    },
  }
  return { ...play, recorder: { moments, calls, answer: (name: ActivityName) => now[name] as (input: unknown, attempt: number) => unknown } }
}

function scriptedActivities(playOf: (system: string) => ReturnType<typeof createPlay> | undefined) {
  const one = (activity: ActivityName) => async (input: unknown) => {
    const context = Context.current()
    const { attempt, taskQueue: queue } = context.info
    const system = systemOf(input)
    const play = playOf(system)
    if (!play) throw ApplicationFailure.nonRetryable(`no script plays system "${system}"`, 'MusterBug')
    const { moments, calls, answer } = play.recorder
    const label = `${activity} ${subjectOf(input)}`.trim()
    calls.push({ activity, queue, input: input as never, attempt, label })
    const note = (what: Moment['what']) => moments.push({ what, label, attempt })
    note('started')
    const beat = setInterval(() => context.heartbeat(), 20)
    try {
      const result = await answer(activity)(input, attempt)
      note('answered')
      return result
    } catch (error) {
      note(error instanceof CancelledFailure ? 'cancelled' : 'failed')
      if (error instanceof ApplicationFailure || error instanceof CancelledFailure) throw error
      throw ApplicationFailure.nonRetryable(`the script of ${label} is wrong: ${String(error)}`, 'MusterBug')
    } finally {
      clearInterval(beat)
    }
  }
  return Object.fromEntries(activityNames.map((name) => [name, one(name)]))
}

function field(input: unknown, name: string): unknown {
  return typeof input === 'object' && input !== null ? (input as Record<string, unknown>)[name] : undefined
}

/** Whose script answers to steps that concern no system. */
export const noSystem = 'no-system'

function systemOf(input: unknown): string {
  const found = field(input, 'system') ?? field(field(input, 'notice'), 'system')
  return typeof found === 'string' && found !== installationChain ? found : noSystem
}

function subjectOf(input: unknown): string {
  const event = field(field(input, 'notice'), 'event')
  const names = ['service', 'component', 'store', 'record'].map((name) => field(input, name)).filter((name) => typeof name === 'string')
  return typeof event === 'string' ? event : names.join(' → ')
}

const named: { readonly [N in ActivityName]: true } = {
  adoptStandby: true,
  applyTreeRules: true,
  archiveRuns: true,
  catchUpStandby: true,
  planStandby: true,
  scopeProbes: true,
  probeService: true,
  scopeStandby: true,
  seedStandby: true,
  judgeHealth: true,
  archiveWal: true,
  awaitHealthy: true,
  changeDns: true,
  checkRestored: true,
  chooseCandidates: true,
  compareCandidates: true,
  examineCandidate: true,
  findKnownPasswords: true,
  isolateHosts: true,
  noteSuspicion: true,
  rotateByCommand: true,
  rotateRole: true,
  scopeBreach: true,
  takeForensicCopy: true,
  compareTree: true,
  discardAside: true,
  giveBack: true,
  holdAtTarget: true,
  installConfig: true,
  keepNewerFiles: true,
  keepSafetySet: true,
  moveSchedules: true,
  notifyPeople: true,
  observeDns: true,
  observeTargets: true,
  runFence: true,
  scopeMove: true,
  takeOver: true,
  tryFence: true,
  openDatabase: true,
  payDebts: true,
  placeElsewhere: true,
  planBackup: true,
  planDns: true,
  planRestore: true,
  prefetchWal: true,
  produceBackup: true,
  promoteAside: true,
  proveRestorable: true,
  protectAgain: true,
  protectOld: true,
  publishCopy: true,
  releaseStaging: true,
  replayTail: true,
  restoreDatabaseAside: true,
  restoreTreeAside: true,
  runAfter: true,
  saveTail: true,
  scopeRestore: true,
  scopeSite: true,
  startClosed: true,
  startOldDatabase: true,
  startService: true,
  stopClosed: true,
  stopDatabase: true,
  stopService: true,
  swapBack: true,
  swapIn: true,
  planDrill: true,
  releaseDrill: true,
  smokeDrill: true,
  verifyApproval: true,
  writeEvidence: true,
}
const activityNames = Object.keys(named) as readonly ActivityName[]
