/** Plans that wait for an answer: by the beginning of their hash, or by the run they wait in. */
import type { Client, WorkflowExecutionDescription } from '@temporalio/client'
import { MusterError } from '../../domain/failures.ts'
import { systemRunsOf } from '../site-runs.ts'
import type { Output } from './output.ts'

export interface WaitingPlan {
  readonly workflowId: string
  readonly runId: string
  readonly hash: string
  readonly accept: 'claimed' | 'signed'
  readonly count: number
  readonly expiresAt: string
}

const waits = 'waiting for approval'

/** Temporal's listing shows a run a moment later than the run itself: who is quick with the approval is not sent away. */
const listingLagMs = 5000

/** Finds the run whose plan begins with the given digits. @throws MusterError InvalidInput | ApprovalRejected */
export async function waitingWith(client: Client, prefix: string): Promise<WaitingPlan> {
  if (!/^[0-9a-f]{4,64}$/.test(prefix)) throw new MusterError('InvalidInput', `"${prefix}" is not the beginning of a plan's hash`)
  const deadline = Date.now() + listingLagMs
  for (;;) {
    const [first, second] = await waitingPlans(client, prefix)
    if (second) throw new MusterError('ApprovalRejected', `${prefix} is the beginning of more than one waiting plan: give more digits`)
    if (first) return first
    if (Date.now() > deadline) throw new MusterError('ApprovalRejected', `no run waits for approval of plan ${prefix}`)
    await pause()
  }
}

async function waitingPlans(client: Client, prefix: string): Promise<readonly WaitingPlan[]> {
  const found: WaitingPlan[] = []
  for await (const run of client.workflow.list({ query: `ExecutionStatus = 'Running' and MusterPhase = '${waits}'` })) {
    const plan = planOf(await client.workflow.getHandle(run.workflowId, run.runId).describe())
    if (plan?.hash.startsWith(prefix)) found.push(plan)
  }
  return found
}

/** Of the failover of a site: until its systems are planned. */
const plannedWithinMs = 60_000

/**
 * What waits in a run that the person has not approved yet: its own plan, or those of the systems of a site.
 * @throws MusterError ApprovalRejected where nothing does
 */
export async function waitingIn(client: Client, run: string, person: string, out: Pick<Output, 'warn'>): Promise<readonly WaitingPlan[]> {
  const handle = client.workflow.getHandle(run)
  const deadline = Date.now() + plannedWithinMs
  for (;;) {
    const systems = await systemRunsOf(client, handle)
    const runs = systems === null ? [await handle.describe()] : systems.flatMap((one) => one.run?.description ?? [])
    // A moment after its parent, a system's run may not be there yet.
    const early = systems !== null && (systems.length === 0 || systems.some((one) => one.run === null && !one.isHeld))
    const unplanned =
      early || runs.some(({ status, memo }) => status.name === 'RUNNING' && ['planning', undefined].includes(memo?.['phase'] as string | undefined))
    const ended = (await handle.describe()).status.name !== 'RUNNING'
    if (unplanned && !ended && Date.now() < deadline) {
      await pause()
      continue
    }
    if (unplanned) out.warn(`not every system of ${run} is planned: run this again for those that come later`)
    const found = runs.filter(({ memo }) => !isBy(memo?.['approvedBy'], person)).flatMap((one) => planOf(one) ?? [])
    if (found.length > 0) return found
    throw new MusterError('ApprovalRejected', `nothing of ${run} waits for the approval of ${person}`, { hint: `see what it does: muster watch ${run}` })
  }
}

function isBy(people: unknown, person: string): boolean {
  return Array.isArray(people) && people.includes(person)
}

function planOf({ workflowId, runId, status, memo }: WorkflowExecutionDescription): WaitingPlan | null {
  const hash = memo?.['plan']
  if (status.name !== 'RUNNING' || memo?.['phase'] !== waits || typeof hash !== 'string') return null
  const asked = memo?.['planAsked'] as Pick<WaitingPlan, 'accept' | 'count' | 'expiresAt'> | undefined
  return { workflowId, runId, hash, accept: asked?.accept ?? 'claimed', count: asked?.count ?? 1, expiresAt: asked?.expiresAt ?? '' }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 250))
}
