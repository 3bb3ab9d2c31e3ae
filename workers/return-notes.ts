/** What this host's guard has stopped, kept on its disk: it outlives the process that wrote it. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface StoppedNote {
  /** The run whose fence it was. */
  readonly run: string
  readonly parts: readonly string[]
}

type Place = { readonly hostDirectory: string }

/** Null where nothing was stopped, or the note cannot be read as one. */
export async function readStopped(place: Place, system: string): Promise<StoppedNote | null> {
  const text = await readFile(noteFile(place, system), 'utf8').catch(() => null)
  if (text === null) return null
  try {
    return JSON.parse(text) as StoppedNote
  } catch {
    return null
  }
}

/** Adds to what was stopped for the same run; of another run it takes the place. */
export async function rememberStopped(place: Place, system: string, run: string, { name }: { readonly name: string }): Promise<void> {
  const before = await readStopped(place, system)
  const parts = before?.run === run ? before.parts : []
  const note: StoppedNote = { run, parts: [...new Set([...parts, name])] }
  const path = noteFile(place, system)
  await mkdir(join(place.hostDirectory, 'guard'), { recursive: true, mode: 0o711 })
  await writeFile(`${path}.new`, JSON.stringify(note), { mode: 0o600, flush: true })
  await rename(`${path}.new`, path)
}

export async function forgetStopped(place: Place, system: string): Promise<void> {
  await rm(noteFile(place, system), { force: true })
}

function noteFile({ hostDirectory }: Place, system: string): string {
  return join(hostDirectory, 'guard', `stopped-${system}.json`)
}
