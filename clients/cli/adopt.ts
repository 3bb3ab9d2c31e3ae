/** `muster apply --adopt`: lists what the repository and this Temporal do not say the same about, and decides with a person. */
import { MusterError } from '../../domain/failures.ts'
import { type Adopted, type Adopting, notLookedAt } from '../adopt.ts'
import { adoptCommand, heldText, standingLines } from '../standing-text.ts'
import { type Asking, askAtTerminal, sayYes } from './ask.ts'
import type { Desk } from './desk.ts'

export interface AdoptOptions {
  readonly dryRun: boolean
  readonly yes: boolean
  readonly lookedAt: readonly string[]
}

/** What `--json` says of it. */
export interface AdoptionReport {
  readonly standing: Adopting['standing']
  readonly schedules: Adopting['schedules']
  /** Null where nothing was decided. */
  readonly adopted: Adopted | null
}

/** @throws MusterError Cancelled where the person says no; PreconditionFailed where a run has to be looked at first */
export async function adoptTemporal(desk: Desk, { dryRun, yes, lookedAt }: AdoptOptions): Promise<AdoptionReport> {
  const { out, user } = desk
  const adopting = await desk.adopting()
  const { standing, schedules } = adopting
  if (!out.json) show(desk, adopting)
  if (dryRun || !needsDecision(adopting)) return { standing, schedules, adopted: null }
  const asking = yes ? sayYes : askAtTerminal(`${adoptCommand} --yes, or with --dry-run only to look`)
  const looked = [...lookedAt, ...(yes ? [] : await askForEach(adopting, lookedAt, asking))]
  // What needs a person is refused before anybody is asked about the rest.
  if (notLookedAt(standing, looked).length === 0 && !isYes(await asking.ask('Adopt this Temporal, as listed? [yes/no]')))
    throw new MusterError('Cancelled', 'nothing was decided; workers stay held back', { hint: adoptCommand })
  // Before the record: who is interrupted here finds them missing again.
  if (notLookedAt(standing, looked).length === 0) await adopting.makeSchedules()
  const adopted = await adopting.adopt({ by: user, reason: 'apply --adopt', lookedAt: looked })
  await adopting.workersBack()
  return { standing, schedules, adopted }
}

const mostDoubts = 10

function needsDecision({ standing }: Adopting): boolean {
  return standing.held || standing.runs.length > 0
}

async function askForEach({ standing }: Adopting, lookedAt: readonly string[], asking: Asking): Promise<readonly string[]> {
  const looked: string[] = []
  for (const { workflowId, runId, procedure, system } of notLookedAt(standing, lookedAt)) {
    const answer = await asking.ask(
      `${procedure} of ${system} (${workflowId}): nobody knows its end. Have you looked at the system, and does it stand as it should? [yes/no]`,
    )
    if (isYes(answer)) looked.push(runId)
  }
  return looked
}

function isYes(answer: string): boolean {
  return /^y(es)?$/i.test(answer)
}

function show({ out }: Desk, { standing, schedules }: Adopting): void {
  out.line(standing.held ? `workers are held back: ${heldText(standing)}` : 'workers are not held back: this Temporal knows the newest run')
  for (const store of standing.unread) out.warn(`store ${store} did not answer: what only it knows is not listed`)
  for (const doubt of standing.doubts.slice(0, mostDoubts)) out.warn(doubt)
  if (standing.doubts.length > mostDoubts) out.warn(`and ${standing.doubts.length - mostDoubts} more of hosts under suspicion`)
  for (const line of standingLines(standing)) out.line(`  ${line}`)
  for (const { id, change, every } of schedules) out.line(`  schedule ${change.padEnd(7)} ${id}${every ? `  (${every})` : ''}`)
}

/** After the decision, for a person. */
export function showAdopted({ out }: Desk, { adopted }: AdoptionReport): void {
  if (adopted === null) return
  for (const { workflowId, runId } of adopted.terminated) out.line(`terminated ${workflowId} (run ${runId})`)
  out.line(`adopted: workers go on; what the repository knew until ${adopted.until} is done, and nothing of it is done again`)
}
