/** `muster approve`: finds the plan that waits, signs where signatures are asked for, and sends the answer. */
import type { Client } from '@temporalio/client'
import type { Command } from 'commander'
import { type ApprovalStatement, approvalText } from '../../domain/approval.ts'
import { MusterError } from '../../domain/failures.ts'
import type { AnswerResult, ApproveInput } from '../../workflows/messages.ts'
import type { Desk } from './desk.ts'
import { signerOf } from './signer-of.ts'

interface ApproveOptions {
  readonly reject?: boolean
  readonly as?: string
  readonly note?: string
  readonly key?: string
  readonly breakGlass?: boolean
  readonly print?: boolean
}

interface WaitingPlan {
  readonly workflowId: string
  readonly runId: string
  readonly hash: string
  readonly accept: 'claimed' | 'signed'
  readonly count: number
  readonly expiresAt: string
}

export function addApprove(program: Command, desk: () => Desk): void {
  program
    .command('approve')
    .description('approve (or reject) the plan that a run waits with')
    .argument('<plan>', 'the hash of the plan, or its beginning')
    .option('--reject', 'reject it')
    .option('--as <person>', 'your name in people; claimed, unless signatures are asked for')
    .option('--note <text>', 'kept with the answer')
    .option('--key <file>', 'the SSH key to sign with; your usual key or your agent otherwise')
    .option('--break-glass', 'alone, in place of all who would be needed: needs --note, and alarms everybody')
    .option('--print', 'print the input for the Temporal UI instead of sending it')
    .action(async (plan: string, options: ApproveOptions) => approve(desk(), plan, options))
}

async function approve(desk: Desk, prefix: string, options: ApproveOptions): Promise<void> {
  const { out } = desk
  if (options.breakGlass && !options.note) throw new MusterError('InvalidInput', '--break-glass needs --note TEXT: why nobody else can approve')
  const client = await desk.temporal()
  const waiting = await waitingWith(client, prefix)
  const answer = await answerTo(desk, waiting, options)
  if (options.print) return out.result(answer, () => out.line(JSON.stringify(answer)))
  const result = await client.workflow.getHandle(waiting.workflowId, waiting.runId).executeUpdate<AnswerResult, [ApproveInput]>('approve', { args: [answer] })
  const { hash, workflowId } = waiting
  out.result({ workflowId, plan: hash, person: answer.person, result }, () => {
    out.line(`${options.reject ? 'rejected' : 'approved'} ${hash.slice(0, 12)} of ${workflowId} as ${answer.person}`)
    if (result.missing)
      out.line(`  ${result.missing} more ${result.missing === 1 ? 'person has' : 'people have'} to approve: muster approve ${hash.slice(0, 12)}`)
    else out.line(`  watch it: muster watch ${workflowId}`)
  })
}

async function answerTo(desk: Desk, { accept, hash, workflowId, runId, expiresAt }: WaitingPlan, options: ApproveOptions): Promise<ApproveInput> {
  const decision = options.reject ? 'reject' : 'approve'
  const more = { ...(options.note !== undefined && { note: options.note }), ...(options.breakGlass && { breakGlass: true }) }
  if (accept === 'claimed') return { plan: hash, person: options.as ?? desk.user, decision, ...more }
  const { config } = await desk.applied(null)
  const { person, publicKey } = signerOf(config, options.as ?? desk.user)
  const statement: ApprovalStatement = {
    format: 'muster-approval-1',
    plan: hash,
    run: `${workflowId}:${runId}`,
    person,
    decision,
    note: options.note ?? null,
    breakGlass: options.breakGlass ?? false,
    expiresAt,
  }
  const signature = await desk.signApproval({ publicKey, keyFile: options.key ?? null, text: approvalText(statement) })
  return { plan: hash, person, decision, ...more, signature }
}

/** Temporal's listing shows a run a moment later than the run itself: who is quick with the approval is not sent away. */
const listingLagMs = 5000

/** Finds the run whose plan begins with the given digits. */
async function waitingWith(client: Client, prefix: string): Promise<WaitingPlan> {
  if (!/^[0-9a-f]{4,64}$/.test(prefix)) throw new MusterError('InvalidInput', `"${prefix}" is not the beginning of a plan's hash`)
  const deadline = Date.now() + listingLagMs
  for (;;) {
    const [first, second] = await waitingPlans(client, prefix)
    if (second) throw new MusterError('ApprovalRejected', `${prefix} is the beginning of more than one waiting plan: give more digits`)
    if (first) return first
    if (Date.now() > deadline) throw new MusterError('ApprovalRejected', `no run waits for approval of plan ${prefix}`)
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

async function waitingPlans(client: Client, prefix: string): Promise<readonly WaitingPlan[]> {
  const found: WaitingPlan[] = []
  for await (const run of client.workflow.list({ query: "ExecutionStatus = 'Running' and MusterPhase = 'waiting for approval'" })) {
    const { memo, runId } = await client.workflow.getHandle(run.workflowId, run.runId).describe()
    const hash = memo?.['plan']
    const asked = memo?.['planAsked'] as Pick<WaitingPlan, 'accept' | 'count' | 'expiresAt'> | undefined
    if (typeof hash !== 'string' || !hash.startsWith(prefix)) continue
    found.push({ workflowId: run.workflowId, runId, hash, accept: asked?.accept ?? 'claimed', count: asked?.count ?? 1, expiresAt: asked?.expiresAt ?? '' })
  }
  return found
}
