/** What a `muster up` that runs on this state says about itself, for other commands on the machine. */
import { readFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isRunning } from '../adapters/process/find-processes.ts'
import type { ProcessIdentity } from '../adapters/process/process.ts'
import type { Places } from './places.ts'

export interface UpHere {
  readonly pid: number
  readonly address: string
  /** The address that its Temporal and UI listen on; absent where it was started before this was written down. */
  readonly listen?: string
  readonly ui: string
  readonly host: string
  readonly site: string
}

export function upFile(places: Places): string {
  return join(places.home, 'up.json')
}

/** Null where none runs. */
export async function upHere(places: Places): Promise<UpHere | null> {
  const up = parsed<UpHere>(await readFile(upFile(places), 'utf8').catch(() => ''))
  const holder = parsed<ProcessIdentity>(await readFile(join(places.home, 'up.lock'), 'utf8').catch(() => ''))
  if (!up || !holder || holder.pid !== up.pid || !(await isRunning(holder))) return null
  return up
}

/** Where nobody says which Temporal is meant, it is the one that `muster up` runs here. */
export function useTemporalHere(places: Places, env: NodeJS.ProcessEnv = process.env): void {
  if (env['TEMPORAL_ADDRESS'] || env['TEMPORAL_PROFILE'] || env['TEMPORAL_CONFIG_FILE']) return
  let text: string
  try {
    text = readFileSync(upFile(places), 'utf8')
  } catch {
    return
  }
  const up = parsed<UpHere>(text)
  if (!up) return
  env['TEMPORAL_ADDRESS'] = up.address
  env['MUSTER_UI'] ??= up.ui
}

function parsed<T>(text: string): T | null {
  try {
    return text === '' ? null : (JSON.parse(text) as T)
  } catch {
    return null
  }
}
