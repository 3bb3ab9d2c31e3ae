/** `muster fence`: a person says in writing that the old side of a move serves nobody any more. */
import type { Client } from '@temporalio/client'
import type { Command } from 'commander'
import { type ApprovalStatement, approvalText, fenceNote } from '../../domain/approval.ts'
import { MusterError } from '../../domain/failures.ts'
import type { AttestInput } from '../../workflows/messages.ts'
import { systemRunsOf } from '../site-runs.ts'
import type { Desk } from './desk.ts'
import { refuseHeld } from './start.ts'
import { eachOf, type Printed } from './each-of.ts'
import { signerOf } from './signer-of.ts'

interface FenceOptions {
  readonly statement: string
  readonly as?: string
  readonly key?: string
  readonly print?: boolean
}

export function addFence(program: Command, desk: () => Desk): void {
  program
    .command('fence')
    .description('say that the old side of a failover serves nobody any more: two people, each what they have seen')
    .argument('<runs...>', 'workflow ids, such as target/shop; failover-site/SITE is every system of it that waits for this')
    .requiredOption('--statement <text>', 'what you have seen; that it cannot be reached is nothing seen')
    .option('--as <person>', 'your name in people; claimed, unless signatures are asked for')
    .option('--key <file>', 'the SSH key to sign with; your usual key or your agent otherwise')
    .option('--print', 'print the input for the Temporal UI instead of sending it')
    .action(async (runs: string[], options: FenceOptions) => fence(desk(), runs, options))
}

async function fence(desk: Desk, named: readonly string[], options: FenceOptions): Promise<void> {
  const { out } = desk
  const client = await desk.temporal()
  const runs = (await Promise.all(named.map((run) => waitingOf(client, run)))).flat()
  const [only, ...others] = runs
  if (only !== undefined && others.length === 0) return out.result(...(await say(desk, client, only, options)))
  await eachOf(out, runs, (run) => [run, say(desk, client, run, options)])
}

/** A run itself; of the failover of a site, those of its systems that wait for people. @throws MusterError PreconditionFailed where none does */
async function waitingOf(client: Client, run: string): Promise<readonly string[]> {
  const systems = await systemRunsOf(client, client.workflow.getHandle(run))
  if (systems === null) return [run]
  const waiting = systems.flatMap((one) => (one.run?.description.memo?.['phase'] === waits ? [one.run.handle.workflowId] : []))
  if (waiting.length > 0) return waiting
  throw new MusterError('PreconditionFailed', `no system of ${run} waits for anybody to say that the old side is stopped`, {
    hint: `see what it does: muster watch ${run}`,
  })
}

const waits = 'fence: waiting for people'

/** @returns what to print, for a program and for a person */
async function say(desk: Desk, client: Client, run: string, options: FenceOptions): Promise<Printed> {
  const { out } = desk
  const handle = client.workflow.getHandle(run)
  const { memo, runId, status } = await handle.describe()
  const plan = memo?.['plan']
  if (status.name !== 'RUNNING' || typeof plan !== 'string') {
    throw new MusterError('PreconditionFailed', `${run} does not wait for anybody to say that the old side is stopped`, {
      hint: 'see what runs: muster status',
    })
  }
  const asked = memo?.['planAsked'] as { accept: 'claimed' | 'signed'; expiresAt: string } | undefined
  const said: AttestInput = { plan, person: options.as ?? desk.user, statement: options.statement }
  const input = asked?.accept === 'signed' ? await signed(desk, `${run}:${runId}`, asked.expiresAt, said, options) : said
  if (options.print) return [input, () => out.line(JSON.stringify(input))]
  await refuseHeld(desk)
  const result = await handle.executeUpdate<{ missing: number }, [AttestInput]>('attest', { args: [input] })
  return [
    { workflowId: run, person: input.person, ...result },
    () => {
      out.line(`taken down of ${run}, as said by ${input.person}`)
      out.line(result.missing > 0 ? `  ${result.missing} more has to say so` : `  the run goes on: muster watch ${run}`)
    },
  ]
}

async function signed(desk: Desk, run: string, expiresAt: string, said: AttestInput, options: FenceOptions): Promise<AttestInput> {
  const { person, publicKey } = signerOf((await desk.applied(null)).config, said.person)
  const statement: ApprovalStatement = {
    format: 'muster-approval-1',
    plan: said.plan,
    run,
    person,
    decision: 'approve',
    note: fenceNote(said.statement),
    breakGlass: false,
    expiresAt,
  }
  const signature = await desk.signApproval({ publicKey, keyFile: options.key ?? null, text: approvalText(statement) })
  return { ...said, person, signature }
}
