/** `muster approve`: finds the plans that wait, signs each where signatures are asked for, and sends the answers. */
import type { Client } from '@temporalio/client'
import type { Command } from 'commander'
import { type ApprovalStatement, approvalText } from '../../domain/approval.ts'
import { MusterError } from '../../domain/failures.ts'
import type { AnswerResult, ApproveInput } from '../../workflows/messages.ts'
import type { Desk } from './desk.ts'
import { refuseHeld } from './start.ts'
import { eachOf, type Printed } from './each-of.ts'
import { signerOf } from './signer-of.ts'
import { type WaitingPlan, waitingIn, waitingWith } from './waiting-plans.ts'

interface ApproveOptions {
  readonly run?: string
  readonly reject?: boolean
  readonly as?: string
  readonly note?: string
  readonly key?: string
  readonly breakGlass?: boolean
  readonly print?: boolean
}

export function addApprove(program: Command, desk: () => Desk): void {
  program
    .command('approve')
    .description('approve (or reject) the plans that runs wait with')
    .argument('[plans...]', 'the hash of each plan, or its beginning')
    .option('--run <run>', 'every plan that waits in this run: of the failover of a site, those of its systems')
    .option('--reject', 'reject it')
    .option('--as <person>', 'your name in people; claimed, unless signatures are asked for')
    .option('--note <text>', 'kept with the answer')
    .option('--key <file>', 'the SSH key to sign with; your usual key or your agent otherwise')
    .option('--break-glass', 'alone, in place of all who would be needed: needs --note, and alarms everybody')
    .option('--print', 'print the input for the Temporal UI instead of sending it')
    .action(async (plans: string[], options: ApproveOptions) => approve(desk(), plans, options))
}

async function approve(desk: Desk, prefixes: readonly string[], options: ApproveOptions): Promise<void> {
  const { out } = desk
  if (options.breakGlass && !options.note) throw new MusterError('InvalidInput', '--break-glass needs --note TEXT: why nobody else can approve')
  if (prefixes.length === 0 && options.run === undefined)
    throw new MusterError('InvalidInput', 'no plan is named', { hint: 'muster approve HASH …, or all that wait in a run: muster approve --run RUN' })
  const client = await desk.temporal()
  if (!options.print) await refuseHeld(desk)
  const waiting: WaitingPlan[] = []
  for (const prefix of prefixes) waiting.push(await waitingWith(client, prefix))
  if (options.run !== undefined) {
    const person = options.as ?? desk.user
    waiting.push(...(await waitingIn(client, options.run, person, out)).filter(({ hash }) => !waiting.some((one) => one.hash === hash)))
  }
  const [only, ...others] = waiting
  if (only && others.length === 0) return out.result(...(await answerOne(desk, client, only, options)))
  await eachOf(out, waiting, (one) => [one.workflowId, answerOne(desk, client, one, options)])
}

/** @returns what to print, for a program and for a person */
async function answerOne(desk: Desk, client: Client, waiting: WaitingPlan, options: ApproveOptions): Promise<Printed> {
  const { out } = desk
  const answer = await answerTo(desk, waiting, options)
  if (options.print) return [answer, () => out.line(JSON.stringify(answer))]
  const result = await client.workflow.getHandle(waiting.workflowId, waiting.runId).executeUpdate<AnswerResult, [ApproveInput]>('approve', { args: [answer] })
  const { hash, workflowId } = waiting
  return [
    { workflowId, plan: hash, person: answer.person, result },
    () => {
      out.line(`${options.reject ? 'rejected' : 'approved'} ${hash.slice(0, 12)} of ${workflowId} as ${answer.person}`)
      if (result.missing)
        out.line(`  ${result.missing} more ${result.missing === 1 ? 'person has' : 'people have'} to approve: muster approve ${hash.slice(0, 12)}`)
      else out.line(`  watch it: muster watch ${workflowId}`)
    },
  ]
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
