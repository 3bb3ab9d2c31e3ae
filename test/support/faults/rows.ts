/** The rows of a sweep: every moment of every step of a reference run, read from its history. */
import { defaultPayloadConverter } from '@temporalio/common'
import type { WorkflowHandle } from '@temporalio/client'
import { type Fault, type KnownStep, sameStep, type StepReport, stepName } from './fault.ts'

export interface Step {
  readonly step: string
  readonly nth: number
}

export type Row = Pick<Fault, 'step' | 'nth' | 'moment' | 'afterMs' | 'name'>

/** What only reads or tells: there is no effect that could come before its report, and after it the next step begins. */
const readers = ['scopeRestore', 'observeTargets', 'planRestore', 'compareTree', 'planBackup', 'checkRestored', 'notifyPeople', 'awaitHealthy']

/** Whether the worker that is lost takes the steps of a queue. */
export type Mine = (queue: string) => boolean

/** The steps of a run in the order they were scheduled. */
export async function stepsOf(handle: WorkflowHandle, mine: Mine): Promise<readonly Step[]> {
  const known = await knownSteps(handle, mine)
  return known.map(({ step }, index) => ({ step, nth: known.slice(0, index + 1).filter((one) => one.step === step).length }))
}

export async function knownSteps(handle: WorkflowHandle, mine: Mine): Promise<readonly KnownStep[]> {
  const { events } = await handle.fetchHistory()
  return (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: scheduled }) => {
    if (!scheduled || !mine(scheduled.taskQueue?.name ?? '')) return []
    const [payload] = scheduled.input?.payloads ?? []
    const step = stepName(scheduled.activityType?.name ?? '', payload ? defaultPayloadConverter.fromPayload(payload) : null)
    return [{ step, id: scheduled.activityId ?? '' }]
  })
}

/** Steps that put data in another place, or one thing after another that names it: they are cut off between any two names that they make. */
const movers = ['swapIn', 'swapBack', 'placeElsewhere', 'publishCopy', 'archiveRuns']

/** Two names are what taking an epoch makes: the same code in every step, cut off between the two in the rows of the movers. */
const namesOfEpoch = 2

export interface Rows {
  readonly rows: readonly Row[]
  /** Rows that would show what others show, and why. */
  readonly merged: readonly { readonly count: number; readonly why: string }[]
}

/**
 * In the middle of a step, between names it makes, before its end is reported, and after.
 * @param last step of the whole run
 */
export function rowsOf(steps: readonly Step[], reports: readonly StepReport[], signal: Fault['signal'], last: Step | undefined): Rows {
  const rows: Row[] = []
  const merged = { readers: 0, epochs: 0, names: 0, frozen: 0, ended: 0 }
  for (const { step, nth } of steps) {
    const { milliseconds = 2, names = 0 } = reports.find((one) => sameStep(one, { step, nth })) ?? {}
    const at = (moment: Row['moment'], name = 0): Row => ({ step, nth, moment, name, afterMs: Math.max(1, Math.round(milliseconds / 2)) })
    const activity = step.split(' ')[0] ?? ''
    rows.push(at('running'))
    const between = Math.max(0, names - 1)
    if (movers.includes(activity)) for (let name = 1; name <= between; name++) rows.push(at('name', name))
    else if (names <= namesOfEpoch) merged.epochs += between
    else {
      rows.push(at('name', Math.ceil(names / 2)))
      merged.names += between - 1
    }
    if (readers.includes(activity)) merged.readers += 2
    else if (signal === 'SIGSTOP') merged.frozen += 2
    else if (last && sameStep(last, { step, nth })) {
      rows.push(at('effect'))
      merged.ended += 1
    } else rows.push(at('effect'), at('after'))
  }
  return { rows, merged: reasons.map(([kind, why]) => ({ count: merged[kind], why })).filter(({ count }) => count > 0) }
}

const reasons = [
  ['readers', 'of steps that only read or tell: they have no effect that could come before its report'],
  ['epochs', 'in the middle of taking an epoch: the same code in every step, cut off there in the steps that move data'],
  ['names', 'between two names of steps that move no data of a member into or out of its place: cut off once, after the middle one'],
  ['frozen', 'frozen when a step is done: nothing is left that could be changed late'],
  ['ended', 'after the last step of a run: with its answer the run has ended'],
] as const

export function rowName({ step, nth, moment, name }: Row): string {
  const when = moment === 'name' ? `after name ${name}` : moment
  return `${step}${nth > 1 ? ` #${nth}` : ''}: ${when}`
}

/**
 * Rows that share a run: it is lost at each of them in turn, at steps that are far apart. What has to be true after a run
 * has to be true of all of them.
 */
export function shared(rows: readonly Row[], perRun: number): readonly (readonly Row[])[] {
  const runs = Math.ceil(rows.length / perRun)
  return Array.from({ length: runs }, (_, index) => rows.filter((_row, at) => at % runs === index)).flatMap(apart)
}

/** A step that was lost is begun again: losing it twice would be another row. */
function apart(rows: readonly Row[]): readonly (readonly Row[])[] {
  const groups: Row[][] = []
  for (const row of rows) {
    const last = groups.at(-1)?.at(-1)
    if (last && !sameStep(last, row)) groups.at(-1)?.push(row)
    else groups.push([row])
  }
  return groups
}
