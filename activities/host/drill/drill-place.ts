/** Where a drill restores to on a host: a folder of its own, which nothing in service is in or below. */
import { join } from 'node:path'
import type { Agent } from '../../agent.ts'
import { isInside } from '../real-path.ts'
import { restoreShort } from '../restore/places.ts'

export function drillsFolder(agent: Agent): string {
  return join(agent.hostDirectory, 'drills')
}

export function drillFolder(agent: Agent, step: { readonly run: string }): string {
  return join(drillsFolder(agent), restoreShort(step))
}

/** Whether a copy belongs to a drill, by where it is. */
export function isDrill(agent: Agent, directory: string): boolean {
  return isInside(directory, drillsFolder(agent))
}
