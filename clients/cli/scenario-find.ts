/** The search for the last good moment: candidates are drilled or restored elsewhere, until one holds. */
import type { Moment, ScenarioStep } from '../../domain/scenario/scenario.ts'
import { earlierOf, justBefore, nextTry, type SearchBounds, type Tried } from '../../domain/scenario/search.ts'
import { MusterError } from '../../domain/failures.ts'
import { toMicros } from '../../domain/times.ts'
import type { Asking } from './ask.ts'
import type { Output } from './output.ts'

/** What a candidate answered. */
export interface Verdict {
  readonly holds: boolean
  readonly detail: string
}

export interface Candidates {
  readonly step: ScenarioStep
  readonly windowFrom: string
  readonly windowUntil: string
  /** When it happened, where a person said so. */
  readonly at: string | null
  readonly withinSeconds: number
  /** Tries one. @throws what tells nothing about the data, such as a store that is out */
  probe(moment: Moment): Promise<Verdict>
}

export interface Found {
  readonly moment: Moment
  readonly tried: readonly (Tried & { readonly detail: string })[]
}

/** @throws MusterError CheckFailed where no moment of the window holds; Cancelled where the person says no */
export async function findMoment(out: Output, asking: Asking, candidates: Candidates): Promise<Found> {
  const { step, at, windowFrom, windowUntil } = candidates
  const tried: (Tried & { detail: string })[] = []
  const look = async (moment: Moment): Promise<Verdict> => {
    const name = moment.kind === 'newest' ? toMicros(windowUntil) : moment.time
    const verdict = await candidates.probe(moment)
    tried.push({ at: name, ...verdict })
    out.line(`    ${moment.kind === 'newest' ? 'newest'.padEnd(27) : name} ${verdict.holds ? '✓ holds' : '✗ does not hold'}: ${verdict.detail}`)
    return verdict
  }
  if (at === null && step.search === 'drills' && (await look({ kind: 'newest' })).holds) return { moment: { kind: 'newest' }, tried }
  const bounds: SearchBounds = {
    startAt: at === null ? windowUntil : earlierOf(justBefore(at), windowUntil),
    // A moment at which the base backup has just ended.
    oldestAt: toMicros(new Date(Date.parse(windowFrom) + 1).toISOString()),
    withinSeconds: candidates.withinSeconds,
  }
  for (;;) {
    const next = nextTry(tried, bounds)
    if (next.kind === 'none') throw nothingHolds(bounds, tried)
    if (next.kind === 'found') return { moment: { kind: 'time', time: await choose(asking, next.at, look) }, tried }
    await look({ kind: 'time', time: next.at })
  }
}

/** A person may prefer another moment, earlier or later: it is tried like any other. */
async function choose(asking: Asking, found: string, look: (moment: Moment) => Promise<Verdict>): Promise<string> {
  for (let best = found; ; ) {
    const answer = await asking.ask(`  go back to ${best}? [yes, no, or another moment to try]`)
    if (/^y(es)?$/i.test(answer)) return best
    if (answer === '' || /^no?$/i.test(answer)) throw new MusterError('Cancelled', 'called off; nothing in service was touched')
    const other = await timeOf(answer)
    if (other !== null && (await look({ kind: 'time', time: other })).holds) best = other
  }
}

async function timeOf(text: string): Promise<string | null> {
  try {
    return toMicros(text)
  } catch (error) {
    process.stderr.write(`  ${(error as Error).message}\n`)
    return null
  }
}

function nothingHolds({ oldestAt }: SearchBounds, tried: readonly Tried[]): MusterError {
  const newest = tried
    .map(({ at }) => at)
    .sort()
    .at(-1)
  const what =
    newest === undefined
      ? `no moment before it can be reached: the oldest is ${oldestAt}`
      : `nothing holds from ${oldestAt} to ${newest}, tried ${tried.length} times`
  return new MusterError('CheckFailed', what, {
    hint: 'a moment before a gap or on a branch that was left: muster list SYSTEM, then muster drill SYSTEM --kind pitr --to TIME',
  })
}
