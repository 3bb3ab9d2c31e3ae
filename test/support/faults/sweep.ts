/** Runs the rows of a sweep on several systems beside each other, told of one by one. */
import type { Family, Seen } from './family.ts'
import { type Row, rowName, type Rows, rowsOf, shared, stepsOf } from './rows.ts'
import type { Runner } from './runner.ts'

/** A system that can be swept. */
export interface Sweepable extends Runner {
  stop(): Promise<void>
}

interface Task<L extends Runner> {
  readonly family: Family<L>
  readonly rows: readonly Row[]
}

export interface SweptRow {
  readonly family: { readonly name: string }
  readonly row: Row
  readonly seen: Seen
  /** Of the run, which other rows may have shared. */
  readonly seconds: number
  readonly sharedWith: readonly Row[]
}

export interface SweptFamily {
  readonly rows: readonly SweptRow[]
  readonly merged: Rows['merged']
  /** Rows that the other parts of the sweep hold. */
  readonly left: number
}

/** One of so many parts of equal size: a sweep that is run often may take one each time. */
export interface Part {
  readonly nth: number
  readonly of: number
}

export interface Sweep<L extends Runner> {
  /** What a family came to, once all have run. @throws what its reference run threw */
  of(family: Family<L>): Promise<SweptFamily>
  stop(): Promise<void>
}

/** The first step of a run has no limits of its own yet: what it takes until a dead worker is missed is waited for beside other rows. */
const slow = /^(scopeRestore|scopeMove|planBackup|archiveRuns)/
const slowness = ({ rows }: Pick<Task<Runner>, 'rows'>): number => Number(rows.some(({ step }) => slow.test(step)))

/** @param told of each row when it has ended */
export async function startSweep<L extends Sweepable>(
  families: readonly Family<L>[],
  { nth, of }: Part,
  lanesOf: { readonly count: number; readonly create: () => Promise<L> },
  told: (row: SweptRow) => void,
): Promise<Sweep<L>> {
  const lanes: readonly L[] = await Promise.all<L>(Array.from({ length: lanesOf.count }, () => lanesOf.create()))
  const waiting = [...families]
  const derived = new Map<Family<L>, Rows>()
  const swept: SweptRow[] = []
  let takenApart = 0
  const done = onEach(lanes, async (lane) => {
    for (let family = waiting.shift(); family; family = waiting.shift()) derived.set(family, await derive(lane, family))
  }).then(async () => {
    const runs = families.flatMap((family) => shared(derived.get(family)?.rows ?? [], family.rowsPerRun).map((rows) => ({ family, rows })))
    const queue = runs.filter((_run, index) => index % of === nth - 1).toSorted((one, other) => slowness(other) - slowness(one))
    await onEach(lanes, async (lane) => {
      for (let task = queue.shift(); task; task = queue.shift()) {
        for (const row of await runTask(lane, task, () => takenApart++ < mostTakenApart)) {
          swept.push(row)
          told(row)
        }
      }
    })
  })
  done.catch(() => undefined)
  return {
    async of(family) {
      await done
      const rows = swept.filter((one) => one.family === family)
      const { rows: all, merged } = derived.get(family) ?? { rows: [], merged: [] }
      return { rows, merged, left: all.length - rows.length }
    },
    stop: () => onEach(lanes, (lane) => lane.stop()),
  }
}

async function onEach<L>(lanes: readonly L[], work: (lane: L) => Promise<void>): Promise<void> {
  const ended = await Promise.allSettled(lanes.map(work))
  for (const one of ended) if (one.status === 'rejected') throw one.reason
}

/** The reference run has to hold what its rows have to hold. */
async function derive<L extends Runner>(lane: L, family: Family<L>): Promise<Rows> {
  const before = lane.reports().length
  const seen = await family.play(lane, [])
  if (seen.problems.length > 0) throw new Error(`the reference run of ${family.name}: ${seen.problems.join('; ')}`)
  const run = await stepsOf(lane.last(), lane.mine)
  const steps = family.about(run)
  if (steps.length === 0) throw new Error(`the reference run of ${family.name} has none of the steps it is about`)
  return rowsOf(steps, lane.reports().slice(before), family.signal, run.at(-1))
}

/** So many shared runs are taken apart: where more of them do not hold, it is not a row that is to blame, and hours would go by. */
const mostTakenApart = 2

/** Where a shared run does not hold, each of its rows has one of its own, to see which it was. */
async function runTask<L extends Runner>(lane: L, { family, rows }: Task<L>, mayTakeApart: () => boolean): Promise<SweptRow[]> {
  const startedAt = Date.now()
  const seen = await playOne(lane, family, rows)
  const seconds = (Date.now() - startedAt) / 1000
  const problems = [...seen.problems, ...rows.flatMap((row, index) => lossProblem(family, row, seen.losses[index]))]
  const together = rows.map((row) => ({ family, row, seen: { ...seen, problems }, seconds, sharedWith: rows.filter((other) => other !== row) }))
  if (problems.length === 0 || rows.length === 1 || !mayTakeApart()) return together
  const alone: SweptRow[] = []
  for (const row of rows) alone.push(...(await runTask(lane, { family, rows: [row] }, mayTakeApart)))
  return alone.some((one) => one.seen.problems.length > 0) ? withWhatCameFirst(alone, problems) : together
}

/** A run that does not hold may leave a system on which nothing can hold: what it said itself is the cause. */
function withWhatCameFirst(alone: readonly SweptRow[], problems: readonly string[]): SweptRow[] {
  const first = problems.map((problem) => `in one run with the others, before: ${problem}`)
  return alone.map((one, index) => (index === 0 ? { ...one, seen: { ...one.seen, problems: [...first, ...one.seen.problems] } } : one))
}

async function playOne<L extends Runner>(lane: L, family: Family<L>, rows: readonly Row[]): Promise<Seen> {
  return family.play(lane, rows).catch((error: Error): Seen => ({ losses: [], outcome: 'none', oldData: 'not looked for', problems: [whole(error)] }))
}

/** A workflow that failed says only in its cause what it failed with. */
function whole(error: Error): string {
  const cause = error.cause instanceof Error ? `; caused by: ${whole(error.cause)}` : ''
  return `${String(error.stack)}${cause}`
}

function lossProblem({ signal }: Pick<Family, 'signal'>, row: Row, lost: Seen['losses'][number] | undefined): readonly string[] {
  return lost === signal ? [] : [`the worker was not lost at ${rowName(row)}: ${lost ?? 'the run ended before'}`]
}
