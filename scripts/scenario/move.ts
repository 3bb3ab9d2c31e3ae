/** A move as people do it: one asks, another approves with a signature, and two say what they have seen where nobody else can. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { AttestInput, MoveResult } from '../../workflows/messages.ts'
import { approver, keyOf, requester, witnesses } from './people.ts'
import { tell } from './site.ts'
import type { Stage } from './set-up.ts'
import { useTemporalAt } from './third-place.ts'

export interface DoneMove {
  readonly askedAt: number
  readonly approvedAt: number
  readonly result: MoveResult
}

/** What the two have seen, in their words; null where the agents of the old side must answer for it. */
export type Seen = string | null

/** So that the other site reaches it for the way home. */
const offlineWords = ['--offline', '--listen', '0.0.0.0']

const phaseSeconds = 300
const moveSeconds = 1800

/** @param site the one it goes to, where the people are who ask */
export async function moveShop(
  { places, temporal }: Stage,
  type: 'failover' | 'failback',
  site: 'primary' | 'dr',
  seen: Seen,
  offline = false,
): Promise<DoneMove> {
  const askedAt = Date.now()
  const { workflowId, plan } = await tell<{ workflowId: string; plan: string }>(
    places,
    site,
    [type, 'shop', '--no-wait', ...(offline ? offlineWords : [])],
    requester,
  )
  if (offline) temporal.client = await useTemporalAt(site)
  const handle = temporal.client.workflow.getHandle(workflowId)
  const phase = async () => {
    const { memo, status } = await handle.describe()
    // A run that ended before it asked says why.
    if (status.name !== 'RUNNING') await handle.result()
    return String(memo?.['phase'])
  }
  const until = async (wanted: string) => {
    for (const deadline = Date.now() + phaseSeconds * 1000; (await phase()) !== wanted; await sleep(50)) {
      if (Date.now() > deadline) throw new Error(`${workflowId} was not at "${wanted}" within ${phaseSeconds} s; it is at "${await phase()}"`)
    }
  }
  await until('waiting for approval')
  const approve = tell(places, site, ['approve', plan.slice(0, 12), '--as', approver, '--key', keyOf(places, approver)], approver)
  // The witnesses write down what they have seen while the approver signs, and are asked a moment later.
  const [, ...statements] = await Promise.all([
    approve,
    ...(seen === null ? [] : witnesses.map((person) => stated({ places }, site, workflowId, person, seen))),
  ])
  if (statements.length > 0) {
    await until('fence: waiting for people')
    for (const statement of statements) await handle.executeUpdate('attest', { args: [statement] })
  }
  const over = new AbortController()
  const ended = handle.result().finally(() => over.abort())
  await Promise.race([ended, paused(phase, over.signal)])
  const result = (await ended) as MoveResult
  return { askedAt, approvedAt: Date.parse(result.times.approvedAt ?? ''), result }
}

/** A run that waits for a correction would wait for days: nobody is there to mend what it is about. */
async function paused(phase: () => Promise<string>, over: AbortSignal): Promise<void> {
  for (const deadline = Date.now() + moveSeconds * 1000; !over.aborted; await sleep(500)) {
    if (Date.now() > deadline) throw new Error(`the run has not ended within ${moveSeconds} s`)
    const now = await phase().catch(() => '')
    if (now.startsWith('paused')) throw new Error(`the run is ${now}; its history says why, and the logs of the agents`)
  }
}

/** The signed input, as `--print` writes it for whoever sends it by the Temporal UI. */
function stated(
  { places }: Pick<Stage, 'places'>,
  site: 'primary' | 'dr',
  run: string,
  person: (typeof witnesses)[number],
  seen: string,
): Promise<AttestInput> {
  return tell<AttestInput>(places, site, ['fence', run, '--print', '--as', person, '--key', keyOf(places, person), '--statement', seen], person)
}
