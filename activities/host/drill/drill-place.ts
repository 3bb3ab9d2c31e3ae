/** Where a drill restores to on a host: a folder of its own, which nothing in service is in or below. */
import { isAbsolute, join, relative } from 'node:path'
import type { Config } from '../../../domain/config.ts'
import { MusterError } from '../../../domain/failures.ts'
import type { Agent } from '../../agent.ts'
import { restoreShort } from '../restore/places.ts'

export function drillsFolder(agent: Agent): string {
  return join(agent.hostDirectory, 'drills')
}

export function drillFolder(agent: Agent, step: { readonly run: string }): string {
  return join(drillsFolder(agent), restoreShort(step))
}

/** Whether a copy belongs to a drill, by where it is. */
export function isDrill(agent: Agent, directory: string): boolean {
  return isIn(directory, drillsFolder(agent))
}

/** @throws MusterError WrongTarget when a configured path of any system lies in the folder, or the folder in one */
export function refuseProduction(config: Config, folder: string): void {
  for (const [system, { components }] of Object.entries(config.systems)) {
    for (const [name, component] of Object.entries(components)) {
      const paths = component.type === 'postgresql' ? [component.dataDirectory] : component.paths
      const live = paths.find((path) => isIn(path, folder) || isIn(folder, path))
      if (live === undefined) continue
      throw new MusterError('WrongTarget', `a drill would restore into ${folder}, and ${live} is where ${system}/${name} is in service`, {
        hint: 'move MUSTER_HOME of this host away from what is protected',
      })
    }
  }
}

function isIn(path: string, folder: string): boolean {
  const below = relative(folder, path)
  return below === '' || (!below.startsWith('..') && !isAbsolute(below))
}
