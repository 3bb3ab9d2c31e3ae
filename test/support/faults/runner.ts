/** Runs a procedure, loses its worker at moments, and lets replacements carry on. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { WorkflowHandle } from '@temporalio/client'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import type { Fault, StepReport } from './fault.ts'
import { knownSteps, type Mine, type Row } from './rows.ts'
import type { FaultWorker } from './worker-process.ts'

export interface Order {
  readonly type: string
  readonly workflowId: string
  readonly input: object
  /** At which site it works; the first of the configuration when absent. */
  readonly site?: string
  /** How the worker is lost; SIGKILL when absent. */
  readonly signal?: 'SIGKILL' | 'SIGSTOP'
  /** Cancelled when this step is done, before it is reported. */
  readonly cancelAt?: string
  /** While no worker is there: between the death of one and the start of the next. */
  readonly whileNobodyIsThere?: (handle: WorkflowHandle) => Promise<unknown>
}

export interface Ended {
  readonly runId: string
  /** How the worker ended at each row; `not reached` where the run ended first. */
  readonly losses: readonly (string | number | null)[]
  /** As the run's memo says it: succeeded, rolled-back, cancelled, … */
  readonly outcome: string
  /** What the run answered with; null where it ended with an error. */
  readonly result: unknown
  readonly message: string
  /** Lets frozen workers go on for a while, and ends them. @returns what they changed */
  thaw(): Promise<string[]>
}

export interface Runner {
  /** What the workers did so far. */
  reports(): readonly StepReport[]
  run(order: Order, rows: readonly Row[]): Promise<Ended>
  /** The run that was started last. */
  last(): WorkflowHandle
  /** Which steps are those of the worker that is lost. */
  readonly mine: Mine
}

export interface RunnerParts {
  readonly env: TestWorkflowEnvironment
  /** A worker that has loaded everything and waits for `go`. */
  startWorker(): Promise<FaultWorker>
  /** All that a frozen attempt could still change. */
  snapshot(): Promise<Readonly<Record<string, string>>>
  readonly mine: Mine
}

/** Twice what six losses take on a slow machine. */
const longestRunSeconds = 300

/** With a worker that polls. */
export async function createRunner({ env, startWorker, snapshot, mine }: RunnerParts): Promise<Runner> {
  const all: FaultWorker[] = []
  const start = async (): Promise<FaultWorker> => {
    const worker = await startWorker()
    all.push(worker)
    return worker
  }
  let worker = await start()
  let last: WorkflowHandle | null = null
  await worker.go()

  async function run(order: Order, rows: readonly Row[]): Promise<Ended> {
    await worker.arm({ fault: faultOf(order, rows[0]), known: [] })
    const handle = await env.client.workflow.start(order.type, {
      taskQueue: 'muster',
      workflowId: order.workflowId,
      args: [order.input],
      ...(order.site !== undefined && { memo: { site: order.site } }),
    })
    // This very run: another with its id may follow.
    last = env.client.workflow.getHandle(order.workflowId, handle.firstExecutionRunId)
    if (order.cancelAt !== undefined) void cancelAtHold(worker, handle)
    const victims: FaultWorker[] = []
    const losses: Ended['losses'][number][] = []
    for (let index = 0; index < rows.length && !losses.includes(notReached()); index++) {
      victims.push(worker)
      losses.push(await lose(order, handle, rows[index + 1]))
    }
    const ended = await within(handle)
    const outcome = (await handle.describe()).memo?.['outcome']
    const thaw = async () => (order.signal === 'SIGSTOP' ? thawed(snapshot, victims) : [])
    return { runId: handle.firstExecutionRunId, losses, outcome: typeof outcome === 'string' ? outcome : 'none', ...ended, thaw }
  }

  /** Waits for the worker to be lost, and lets another carry on, to be lost at the next row in its turn. */
  async function lose(order: Order, handle: WorkflowHandle, next: Row | undefined): Promise<Ended['losses'][number]> {
    const victim = worker
    const replacement = start()
    const lost = await Promise.race([order.signal === 'SIGSTOP' ? victim.frozen() : victim.ended, handle.result().then(notReached, notReached)])
    if (lost !== notReached()) await order.whileNobodyIsThere?.(handle)
    if (order.signal !== 'SIGSTOP') await victim.end()
    worker = await replacement
    if (next) await worker.arm({ fault: { ...faultOf(order, next), holdAt: null }, known: await knownSteps(handle, mine) })
    await worker.go()
    return lost
  }

  return {
    reports: () => all.flatMap(({ reports }) => reports),
    run,
    last() {
      if (!last) throw new Error('nothing was run yet')
      return last
    },
    mine,
  }
}

async function cancelAtHold(worker: FaultWorker, handle: WorkflowHandle): Promise<void> {
  await worker.held()
  await handle.cancel()
  worker.release()
}

/** Long enough to finish what it was at, and to ask for more. */
const thawedMs = 2500

async function thawed(snapshot: RunnerParts['snapshot'], victims: readonly FaultWorker[]): Promise<string[]> {
  const before = await snapshot()
  for (const victim of victims) victim.process.kill('SIGCONT')
  await sleep(thawedMs)
  const now = await snapshot()
  for (const victim of victims) await victim.end()
  const names = new Set([...Object.keys(before), ...Object.keys(now)])
  return [...names].filter((name) => before[name] !== now[name]).map((name) => `a frozen worker changed ${name}: ${before[name]} → ${now[name]}`)
}

const notReached = (): string => 'not reached'

/** A run that waits for ever is ended, with what it waits for. */
async function within(handle: WorkflowHandle): Promise<Pick<Ended, 'result' | 'message'>> {
  const timer = setTimeout(() => void giveUp(handle), longestRunSeconds * 1000)
  try {
    return { result: await handle.result(), message: '' }
  } catch (error) {
    const cause = (error as Error).cause as Error | undefined
    return { result: null, message: String(cause?.message ?? (error as Error).message) }
  } finally {
    clearTimeout(timer)
  }
}

async function giveUp(handle: WorkflowHandle): Promise<void> {
  const { raw } = await handle.describe()
  const waits = (raw.pendingActivities ?? []).map((one) => `${one.activityType?.name} (attempt ${one.attempt}: ${one.lastFailure?.message ?? 'no failure'})`)
  await handle.terminate(`did not end in ${longestRunSeconds} s; it waits for: ${waits.join(', ') || 'nothing'}`)
}

function faultOf(order: Order, row: Row | undefined): Fault {
  const nowhere = { step: '', nth: 0, moment: 'running', afterMs: 0, name: 0 } as const
  return { ...(row ?? nowhere), workflowId: order.workflowId, signal: order.signal ?? 'SIGKILL', holdAt: order.cancelAt ?? null }
}
