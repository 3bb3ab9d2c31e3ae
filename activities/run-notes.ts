/**
 * What this host last did for each run: a small file for each, with a line for each step, written before the step is done. It is how a host knows that
 * the Temporal it works for has forgotten a run, or remembers less of it than was done, also while no store answers.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type KnownRun, siteOfRun, workingProcedures } from '../domain/adoption.ts'
import type { StepAhead } from './boundary.ts'

export interface RunNote extends StepAhead {
  /** When the first step that changes the system in place was scheduled; null before it. */
  readonly begunAt: string | null
  /** First step here. */
  readonly firstAt: string
}

/** Steps with which a run begins to change its system in place. */
const changing: ReadonlySet<string> = new Set(['isolateHosts', 'stopService', 'stopDatabase', 'runFence', 'takeOver', 'swapIn', 'changeDns', 'openDatabase'])

export function changesInPlace({ activity, workflowId }: Pick<StepAhead, 'activity' | 'workflowId'>): boolean {
  return changing.has(activity) && workflowId.startsWith('target/')
}

export function isNoted({ procedure, workflowId, runId, system }: StepAhead): boolean {
  return workingProcedures.has(procedure) && (system ?? siteOfRun(workflowId)) !== null && runId !== '' && !workflowId.startsWith('plan/')
}

const kept = 40

export interface HostedNotes {
  readonly hostDirectory: string
}

/**
 * Appends the step to what is noted of its run: steps beside each other, and other processes of the host, write no note over another.
 * May be repeated: the same step is noted once.
 * @returns the note as it stands now, and whether this is the step with which the run began to change the system
 */
export async function noteStep(place: HostedNotes, step: StepAhead): Promise<{ readonly note: RunNote; readonly begins: boolean }> {
  const before = await readLines(place, step.runId)
  const changes = changesInPlace(step)
  const line: RunNote = { ...step, firstAt: step.scheduledAt, begunAt: changes ? step.scheduledAt : null }
  if (!before.some((one) => isSame(one, step))) {
    await mkdir(folder(place), { recursive: true, mode: 0o711 })
    // One write at the end of the file is one for every process. A line of its own, whatever a crash has left before it.
    await writeFile(fileOf(place, step.runId), `\n${JSON.stringify(line)}\n`, { mode: 0o600, flag: 'a', flush: changes })
  }
  if (before.length === 0) await forgetOld(place)
  const lines = await readLines(place, step.runId)
  const first = lines.find(({ begunAt }) => begunAt !== null)
  return { note: addedUp(lines) ?? line, begins: changes && (first === undefined || isSame(first, step)) }
}

function isSame(one: StepAhead, other: StepAhead): boolean {
  return one.activity === other.activity && one.scheduledAt === other.scheduledAt
}

/** Newest first; none where this host never did a step. */
export async function readNotes(place: HostedNotes): Promise<readonly RunNote[]> {
  const names = (await readdir(folder(place)).catch(() => [] as string[])).filter((name) => name.endsWith('.json'))
  const notes = await Promise.all(names.map((name) => readNote(place, name.slice(0, -'.json'.length))))
  return notes.flatMap((note) => note ?? []).sort((a, b) => (a.scheduledAt > b.scheduledAt ? -1 : 1))
}

export function knownByNote({ workflowId, runId, procedure, system, scheduledAt, firstAt, begunAt }: RunNote): KnownRun {
  return {
    workflowId,
    runId,
    system: system ?? siteOfRun(workflowId) ?? '',
    procedure,
    startedAt: firstAt,
    endedAt: null,
    outcome: null,
    begunAt,
    lastStepAt: scheduledAt,
  }
}

/** One that was changing a system is kept longer than others. */
async function forgetOld(place: HostedNotes): Promise<void> {
  const notes = await readNotes(place)
  const old = [...notes.filter(({ begunAt }) => begunAt === null).slice(kept), ...notes.filter(({ begunAt }) => begunAt !== null).slice(kept)]
  for (const { runId } of old) await rm(fileOf(place, runId), { force: true })
}

async function readNote(place: HostedNotes, runId: string): Promise<RunNote | null> {
  return addedUp(await readLines(place, runId))
}

/** Of one run, in the order in which they were written. */
async function readLines(place: HostedNotes, runId: string): Promise<readonly RunNote[]> {
  const text = await readFile(fileOf(place, runId), 'utf8').catch(() => '')
  return text.split('\n').flatMap((line) => parsed(line) ?? [])
}

/** A line that a crash has cut off says nothing. */
function parsed(line: string): RunNote | null {
  try {
    return line === '' ? null : (JSON.parse(line) as RunNote)
  } catch {
    return null
  }
}

/** The newest step, since when there were any, and since when the first of them changed the system. */
function addedUp(lines: readonly RunNote[]): RunNote | null {
  return lines.reduce<RunNote | null>((note, line) => {
    if (note === null) return line
    const newest = line.scheduledAt > note.scheduledAt ? line : note
    return { ...newest, firstAt: earlier(note.firstAt, line.firstAt), begunAt: earlierOrNull(note.begunAt, line.begunAt) }
  }, null)
}

function earlier(one: string, other: string): string {
  return one < other ? one : other
}

function earlierOrNull(one: string | null, other: string | null): string | null {
  return one === null || other === null ? (one ?? other) : earlier(one, other)
}

function folder({ hostDirectory }: HostedNotes): string {
  return join(hostDirectory, 'runs')
}

/** Run ids are Temporal's UUIDs; whatever else is asked for stays inside the folder. */
function fileOf(place: HostedNotes, runId: string): string {
  return join(folder(place), `${runId.replace(/[^A-Za-z0-9-]/g, '_')}.json`)
}
