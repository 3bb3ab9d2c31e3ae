/** The tests of a sweep: one for each of its families, and a line for each row. */
import assert from 'node:assert/strict'
import type { Family } from './family.ts'
import { workInMemory } from './in-memory.ts'
import { rowName } from './rows.ts'
import { type Part, startSweep, type Sweep, type Sweepable, type SweptFamily, type SweptRow } from './sweep.ts'

/**
 * While a step is mended, only the families with `MUSTER_SWEEP` in their name are swept; `MUSTER_SWEEP_PART`, such as
 * `2/3`, sweeps one of so many parts of their runs.
 * @param lanes how many systems are swept beside each other: most of a row is waiting for a dead worker to be missed
 */
export function describeSweep<L extends Sweepable>(
  title: string,
  families: readonly Family<L>[],
  lanes: { readonly count: number; readonly create: () => Promise<L> },
): void {
  const swept = families.filter(({ name }) => name.includes(process.env['MUSTER_SWEEP'] ?? ''))
  describe(title, function () {
    this.timeout(1_800_000)
    let sweep: Sweep<L>
    let useDisk = (): void => undefined

    before(async () => {
      useDisk = await workInMemory()
      sweep = await startSweep(swept, partOf(process.env['MUSTER_SWEEP_PART'] ?? '1/1'), lanes, tell)
    })

    after(async () => {
      await sweep?.stop()
      useDisk()
    })

    for (const family of swept) {
      it(`of ${family.name}: it ends by itself with good data, the old data found, and nothing left running`, async () => {
        const found = await sweep.of(family)
        summarise(found)
        assert.ok(found.rows.length + found.left > 0)
        assert.deepEqual(
          found.rows.filter(({ seen }) => seen.problems.length > 0).map(({ row, seen }) => `${rowName(row)}: ${seen.problems.join('; ')}`),
          [],
        )
      })
    }
  })
}

function partOf(text: string): Part {
  const [nth = 0, of = 0] = text.split('/').map(Number)
  if (!(Number.isInteger(nth) && Number.isInteger(of) && nth >= 1 && nth <= of)) throw new Error(`MUSTER_SWEEP_PART is ${text}, not such as 2/3`)
  return { nth, of }
}

/** A line for each row as its run ends: a sweep of minutes that says nothing looks as if it hung. */
function tell({ family, row, seen, seconds, sharedWith }: SweptRow): void {
  const word = seen.problems.length === 0 ? 'ok  ' : 'FAIL'
  const effects = seen.effects === undefined ? '' : `, ${seen.effects}`
  // Good data, and nothing left running or beside, is asserted of every row.
  const service = word === 'ok  ' ? ', good data, nothing left' : ''
  const where = `${seen.outcome.padEnd(11)} old data ${seen.oldData}${service}${effects}`
  const run = `${seconds.toFixed(1).padStart(5)} s${sharedWith.length > 0 ? ` for ${sharedWith.length + 1}` : '      '}`
  process.stdout.write(`      ${word} ${run}  ${where.padEnd(32)} ${family.name} | ${rowName(row)}\n`)
  for (const problem of seen.problems) process.stdout.write(`           ${problem}\n`)
}

function summarise({ rows, merged, left }: SweptFamily): void {
  const good = rows.filter(({ seen }) => seen.problems.length === 0).length
  const runs = rows.reduce((sum, { sharedWith }) => sum + 1 / (sharedWith.length + 1), 0)
  process.stdout.write(`      ${rows.length} rows in ${Math.round(runs)} runs, ${good} hold\n`)
  if (left > 0) process.stdout.write(`        ${left} left to the other parts of the sweep\n`)
  for (const { count, why } of merged) process.stdout.write(`        ${count} merged ${why}\n`)
}
