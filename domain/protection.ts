/**
 * Judges how well a system is protected, from what was observed in its stores and of its WAL shipper.
 *
 * `not protected`: if the system were lost now, more would be lost than its objective allows, or the copies that
 * are required cannot be seen. `degraded`: that is not so yet, but something that should work does not.
 *
 * A copy counts only where it was seen: a store that does not answer has none.
 */
import type { Config, Priority } from './config.ts'
import { type CopiesJudgement, judgeCopies } from './copies.ts'
import { formatDuration } from './durations.ts'
import type { ObservedBackup, ObservedComponent, ObservedSystem, ObservedWal, ObservedWindow } from './observed-system.ts'
import { missedRuns } from './schedule-due.ts'
import { parseSchedule } from './schedule-spec.ts'
import { secondsBetween } from './times.ts'
import { parseLsn } from './wal.ts'

export type ProtectionWord = 'protected' | 'degraded' | 'not protected'

export interface Reason {
  readonly word: Exclude<ProtectionWord, 'protected'>
  readonly component: string | null
  /** Cause, for a person; lower case, no full stop. */
  readonly text: string
  /** The command that comes next. */
  readonly next: string
}

export interface ComponentProtection {
  readonly component: string
  readonly type: ObservedComponent['type']
  readonly word: ProtectionWord
  /** Newest backup that is in enough stores. */
  readonly newest: ObservedBackup | null
  /** Stores from which the newest state comes back. */
  readonly copies: CopiesJudgement
  readonly copiesIn: readonly string[]
  /** Upper bound of what would be lost now; null where nothing could be brought back. */
  readonly lostNowSeconds: number | null
  /** Per store, what is lost when only that store is left; null where it brings nothing back. */
  readonly lostPerStore: Readonly<Record<string, number | null>>
  readonly debts: readonly Debt[]
}

export interface Debt {
  readonly store: string
  readonly backups: number
  readonly newest: string
}

export interface SystemProtection {
  readonly system: string
  readonly priority: Priority
  readonly word: ProtectionWord
  readonly lostNowSeconds: number | null
  readonly hasObjective: boolean
  readonly components: readonly ComponentProtection[]
  /** Worst first. */
  readonly reasons: readonly Reason[]
}

const words: readonly ProtectionWord[] = ['protected', 'degraded', 'not protected']

export function worst(found: readonly ProtectionWord[]): ProtectionWord {
  return words[Math.max(0, ...found.map((word) => words.indexOf(word)))] ?? 'not protected'
}

/** Worst first, then by priority and name. */
export function byNeed(a: SystemProtection, b: SystemProtection): number {
  return words.indexOf(b.word) - words.indexOf(a.word) || (a.priority < b.priority ? -1 : a.priority > b.priority ? 1 : a.system < b.system ? -1 : 1)
}

export function judgeSystem(config: Config, observed: ObservedSystem): SystemProtection {
  const judged = observed.components.map((component) => judgeComponent(config, observed, component))
  const reasons = [...judged.flatMap(({ reasons }) => reasons), ...systemReasons(observed)]
  const components = judged.map(({ protection }) => protection)
  const word = worst(reasons.map((reason) => reason.word))
  const counted = components.some(({ type }) => type === 'postgresql') ? components.filter(({ type }) => type === 'postgresql') : components
  return {
    system: observed.system,
    priority: observed.priority,
    word,
    lostNowSeconds: longest(counted.map(({ lostNowSeconds }) => lostNowSeconds)),
    hasObjective: observed.objectives.rpoSeconds !== undefined,
    components,
    reasons: reasons.sort((a, b) => words.indexOf(b.word) - words.indexOf(a.word)),
  }
}

function judgeComponent(
  config: Config,
  observed: ObservedSystem,
  component: ObservedComponent,
): { protection: ComponentProtection; reasons: readonly Reason[] } {
  const places = Object.fromEntries(observed.stores.map(({ name, place }) => [name, place]))
  const judge = (stores: readonly string[]) => judgeCopies(config, observed.required, component.host, stores, places)
  const newest = component.backups.findLast((backup) => judge(backup.in).met) ?? null
  const lostPerStore = component.wal ? walLoss(component, component.wal, observed.now) : treeLoss(component, observed.now)
  const lost = lostWithCopies(lostPerStore, (stores) => judge(stores).met)
  const copies = judge(lost.stores)
  const reasons: Reason[] = []
  const say = (word: Reason['word'], text: string, next: string) => reasons.push({ word, component: component.component, text, next })
  const backup = `muster backup ${observed.system}`
  const debts = debtsOf(observed, component)
  if (!newest || lost.seconds === null) sayMissingCopies(observed, component, judge, say)
  else {
    judgeAge(observed, component, newest, say)
    if (component.wal) judgeWal(observed, component.wal, lost.seconds, say)
  }
  if (component.wal) judgeWindows(component.wal, observed, say)
  for (const debt of debts) {
    const many = debt.backups === 1 ? `backup ${debt.newest}` : `${debt.backups} backups, the newest ${debt.newest}`
    say('degraded', `${debt.store} does not have ${many}`, backup)
  }
  for (const { backup: id, damagedIn } of component.backups) {
    for (const { store, problem } of damagedIn) say('degraded', `backup ${id} is damaged in ${store}: ${problem}`, `muster repository check ${store}`)
  }
  if (component.rules.length === 0) say('degraded', 'no schedule covers it', 'add a rule under backups in muster.yaml, then: muster apply')
  return {
    reasons,
    protection: {
      component: component.component,
      type: component.type,
      word: worst(reasons.map((reason) => reason.word)),
      newest,
      copies,
      copiesIn: lost.stores,
      lostNowSeconds: lost.seconds,
      lostPerStore,
      debts,
    },
  }
}

type Say = (word: Reason['word'], text: string, next: string) => void

/** Why nothing, or too little, can be brought back. */
function sayMissingCopies(observed: ObservedSystem, component: ObservedComponent, judge: (stores: readonly string[]) => CopiesJudgement, say: Say): void {
  const silent = observed.stores.filter(({ name, reachable }) => !reachable && component.stores.includes(name))
  const cause = silent.map(({ name, problem }) => `${name} does not answer: ${problem ?? 'no reason known'}`).join('; ')
  const any = component.backups.findLast((backup) => backup.in.length > 0)
  if (!any) {
    if (silent.length > 0) return say('not protected', `no backup can be seen; ${cause}`, `muster doctor ${observed.system}`)
    return say('not protected', 'there is no backup yet', `muster backup ${observed.system}`)
  }
  const { missing } = judge(any.in)
  const only = missing === '' ? 'no backup from which recorded WAL leads on' : missing
  const since = component.backups.findLast((backup) => judge(backup.in).met)
  const text = `${only}${since && missing !== '' ? ` since ${since.endedAt}` : ''}${cause ? `; ${cause}` : `: newest backup only in ${any.in.join(', ')}`}`
  say('not protected', text, silent.length > 0 ? `muster doctor ${observed.system}` : `muster backup ${observed.system}`)
}

function judgeAge(observed: ObservedSystem, component: ObservedComponent, newest: ObservedBackup, say: Say): void {
  const now = new Date(observed.now)
  const missed = component.rules
    .map(({ every, zone }) => missedRuns(parseSchedule(every), zone, new Date(newest.startedAt), now))
    .filter((one) => one !== null)
    .sort((a, b) => b.count - a.count)[0]
  if (!missed) return
  // A database whose WAL is stored loses nothing by an old base backup; a tree loses what came since.
  const word = component.type === 'files' && missed.count > 1 ? 'not protected' : 'degraded'
  const times = missed.count === 1 ? 'the backup' : `${missed.count} backups`
  say(word, `${times} due since ${missed.since.toISOString().slice(0, 16)}Z did not come; newest is of ${newest.startedAt}`, `muster backup ${observed.system}`)
}

function judgeWal(observed: ObservedSystem, wal: ObservedWal, lostSeconds: number, say: Say): void {
  const { rpoSeconds } = observed.objectives
  const late = 2 * wal.shipEverySeconds + 60
  const lost = formatDuration(lostSeconds)
  if (rpoSeconds !== undefined && lostSeconds > rpoSeconds) {
    say(
      'not protected',
      `${lost} of commits are not in the required stores; the objective is ${formatDuration(rpoSeconds)}`,
      `muster doctor ${observed.system}`,
    )
  } else if (lostSeconds > late) {
    say('degraded', `WAL in the required stores is ${lost} behind; it should be less than ${formatDuration(late)}`, `muster doctor ${observed.system}`)
  }
  if (!wal.shipper) {
    if (wal.shipperExpected) say('degraded', 'the WAL shipper does not answer: WAL is not being stored', 'muster up')
    return
  }
  const { state, problem, lags } = wal.shipper
  if (state !== 'streaming') say('degraded', `the WAL shipper is ${state}${problem ? `: ${problem}` : ''}`, `muster doctor ${observed.system}`)
  for (const lag of lags) {
    if (lag.problem !== null) say('degraded', `WAL does not reach ${lag.store}: ${lag.problem}`, `muster doctor ${observed.system}`)
  }
}

/** WAL that lies behind a hole brings nothing back until a new base backup. */
function judgeWindows(wal: ObservedWal, observed: ObservedSystem, say: Say): void {
  for (const [store, tip] of Object.entries(wal.tips)) {
    const window = newestWindow(wal, store)
    if (!window || parseLsn(window.untilLsn) >= parseLsn(tip)) continue
    say(
      'degraded',
      `WAL in ${store} has a gap after ${window.untilLsn}: what was committed since ${window.untilAt} cannot be brought back from it`,
      `muster backup ${observed.system}`,
    )
  }
}

function systemReasons(observed: ObservedSystem): readonly Reason[] {
  const doctor = `muster doctor ${observed.system}`
  const used = new Set(observed.components.flatMap(({ stores }) => stores))
  const about = (text: string, next: string): Reason => ({ word: 'degraded', component: null, text, next })
  return [
    ...observed.stores.flatMap(({ name, reachable, writable, problem, invalidDocuments }) => {
      if (!used.has(name)) return []
      if (!reachable) return [about(`${name} does not answer: ${problem ?? 'no reason known'}`, doctor)]
      const found = writable ? [] : [about(`${name} takes nothing new: ${problem ?? 'it is not writable'}`, doctor)]
      const [first] = invalidDocuments
      if (first === undefined) return found
      return [...found, about(`${name} holds ${invalidDocuments.length} documents that cannot be believed: ${first}`, `muster repository check ${name}`)]
    }),
    ...(observed.proofProblems ?? []).map(({ text, next }) => about(text, next)),
    ...(observed.recordsProblem === null ? [] : [about(`the control records cannot be believed: ${observed.recordsProblem}`, doctor)]),
    ...(observed.schedulerProblem === null ? [] : [about(`schedules do not run: ${observed.schedulerProblem}`, 'muster up')]),
  ]
}

function newestWindow(wal: ObservedWal, store: string): ObservedWindow | undefined {
  return wal.windows.findLast((window) => window.store === store && window.incarnation === wal.incarnation)
}

/** What the shipper measured counts where the window reaches the end of what is there; else the age of its newest commit. */
function walLoss(component: ObservedComponent, wal: ObservedWal, now: string): Record<string, number | null> {
  return Object.fromEntries(
    component.stores.map((store) => {
      const window = newestWindow(wal, store)
      if (!window) return [store, null]
      const tip = wal.tips[store]
      const whole = tip === undefined || parseLsn(window.untilLsn) >= parseLsn(tip)
      const measured = whole ? (wal.shipper?.lags.find((lag) => lag.store === store)?.lagSeconds ?? null) : null
      return [store, measured ?? Math.max(0, secondsBetween(window.untilAt, now))]
    }),
  )
}

function treeLoss(component: ObservedComponent, now: string): Record<string, number | null> {
  return Object.fromEntries(
    component.stores.map((store) => {
      const newest = component.backups.findLast((backup) => backup.in.includes(store))
      return [store, newest ? Math.max(0, secondsBetween(newest.startedAt, now)) : null]
    }),
  )
}

/** The least loss with which the required copies are met, and every store that loses no more. */
function lostWithCopies(
  perStore: Readonly<Record<string, number | null>>,
  met: (stores: readonly string[]) => boolean,
): { seconds: number | null; stores: readonly string[] } {
  const known = Object.entries(perStore)
    .flatMap(([store, seconds]) => (seconds === null ? [] : [{ store, seconds }]))
    .sort((a, b) => a.seconds - b.seconds)
  for (const { seconds } of known) {
    const stores = known.filter((one) => one.seconds <= seconds).map(({ store }) => store)
    if (met(stores)) return { seconds, stores }
  }
  return { seconds: null, stores: known.map(({ store }) => store) }
}

/** Per store that answers, the backups it should have and has not; those still being copied are none. */
function debtsOf(observed: ObservedSystem, component: ObservedComponent): readonly Debt[] {
  return observed.stores.flatMap(({ name, reachable }) => {
    if (!reachable) return []
    const owed = component.backups.filter(
      (backup) =>
        backup.meantFor.includes(name) &&
        !backup.in.includes(name) &&
        !backup.damagedIn.some(({ store }) => store === name) &&
        !observed.running.includes(backup.run),
    )
    const newest = owed.at(-1)
    return newest ? [{ store: name, backups: owed.length, newest: newest.backup }] : []
  })
}

function longest(seconds: readonly (number | null)[]): number | null {
  return seconds.some((one) => one === null) ? null : Math.max(0, ...(seconds as readonly number[]))
}
