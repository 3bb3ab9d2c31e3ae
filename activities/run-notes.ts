/**
 * What this host last did for each run: a small file for each, written before the step is done. It is how a host knows that
 * the Temporal it works for has forgotten a run, or remembers less of it than was done, also while no store answers.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
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

/** @returns the note as it stands now, and whether it is the first of this run that says that it changes the system */
export async function noteStep(place: HostedNotes, step: StepAhead): Promise<{ readonly note: RunNote; readonly begins: boolean }> {
  const before = await readNote(place, step.runId)
  const begins = changesInPlace(step) && (before?.begunAt ?? null) === null
  const newest = before && before.scheduledAt > step.scheduledAt ? before : step
  const note: RunNote = { ...newest, firstAt: before?.firstAt ?? step.scheduledAt, begunAt: before?.begunAt ?? (begins ? step.scheduledAt : null) }
  await mkdir(folder(place), { recursive: true, mode: 0o711 })
  const path = fileOf(place, step.runId)
  const temporary = `${path}.${randomBytes(4).toString('hex')}`
  await writeFile(temporary, JSON.stringify(note), { mode: 0o600, flush: begins })
  await rename(temporary, path)
  if (before === null) await forgetOld(place)
  return { note, begins }
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
  try {
    return JSON.parse(await readFile(fileOf(place, runId), 'utf8')) as RunNote
  } catch {
    return null
  }
}

function folder({ hostDirectory }: HostedNotes): string {
  return join(hostDirectory, 'runs')
}

/** Run ids are Temporal's UUIDs; whatever else is asked for stays inside the folder. */
function fileOf(place: HostedNotes, runId: string): string {
  return join(folder(place), `${runId.replace(/[^A-Za-z0-9-]/g, '_')}.json`)
}
