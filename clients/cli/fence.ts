/** `muster fence`: a person says in writing that the old side of a move serves nobody any more. */
import type { Command } from 'commander'
import { type ApprovalStatement, approvalText, fenceNote } from '../../domain/approval.ts'
import { MusterError } from '../../domain/failures.ts'
import type { AttestInput } from '../../workflows/messages.ts'
import type { Desk } from './desk.ts'
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
    .argument('<run>', 'workflow id, such as target/shop')
    .requiredOption('--statement <text>', 'what you have seen; that it cannot be reached is nothing seen')
    .option('--as <person>', 'your name in people; claimed, unless signatures are asked for')
    .option('--key <file>', 'the SSH key to sign with; your usual key or your agent otherwise')
    .option('--print', 'print the input for the Temporal UI instead of sending it')
    .action(async (run: string, options: FenceOptions) => fence(desk(), run, options))
}

async function fence(desk: Desk, run: string, options: FenceOptions): Promise<void> {
  const { out } = desk
  const handle = (await desk.temporal()).workflow.getHandle(run)
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
  if (options.print) return out.result(input, () => out.line(JSON.stringify(input)))
  const result = await handle.executeUpdate<{ missing: number }, [AttestInput]>('attest', { args: [input] })
  out.result({ workflowId: run, person: input.person, ...result }, () => {
    out.line(`taken down, as said by ${input.person}`)
    out.line(result.missing > 0 ? `  ${result.missing} more has to say so` : `  the run goes on: muster watch ${run}`)
  })
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
