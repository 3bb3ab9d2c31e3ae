/** Keeps what restores beside, such as a drill, away from what is in service: when it is planned, and where it acts. */
import type { Config } from '../../../domain/config.ts'
import { MusterError } from '../../../domain/failures.ts'
import type { Agent } from '../../agent.ts'
import { drillsFolder } from '../drill/drill-place.ts'
import { isInside, realOf } from '../real-path.ts'
import { newDirectories } from './places.ts'
import type { AnyStep } from './types.ts'

interface Live {
  readonly path: string
  readonly real: string
  readonly owner: string
}

/**
 * For a folder of a drill. Links are followed: what a name leads to is what is written into.
 * @throws MusterError WrongTarget when a configured path of any system lies in the folder, or the folder in one
 */
export async function refuseProduction(config: Config, folder: string): Promise<void> {
  refuseOverlap('a drill', folder, await realOf(folder), await liveOf(config, null), 'move MUSTER_HOME of this host away from what is protected')
}

/**
 * Asked again by each step that writes: between plan and step a directory may have become a link to what is in service.
 * Of a restore in place, which is into what is in service, it asks nothing.
 * @throws MusterError WrongTarget
 */
export async function refuseInService(agent: Agent, config: Config, step: AnyStep): Promise<void> {
  if (step.mode !== 'elsewhere') return
  const { decision } = step
  const targets = decision.type === 'postgresql' ? [decision.directory, ...newDirectories(decision)] : decision.members.map(({ into }) => into)
  const drills = await realOf(drillsFolder(agent))
  for (const target of targets) {
    const real = await realOf(target)
    const isDrill = isInside(target, drillsFolder(agent)) || isInside(real, drills)
    const live = await liveOf(config, isDrill ? null : agent.host)
    refuseOverlap(isDrill ? 'a drill' : 'this restore', target, real, live, 'look which link leads there, and start again')
  }
}

function refuseOverlap(who: string, target: string, real: string, live: readonly Live[], hint: string): void {
  const found = live.find((one) => isInside(real, one.real) || isInside(one.real, real))
  if (!found) return
  const leads = real === target ? '' : `, which leads to ${real}`
  throw new MusterError('WrongTarget', `${who} would restore into ${target}${leads}, and ${found.path} is where ${found.owner} is in service`, { hint })
}

/** @param host whose paths count; null for all */
async function liveOf(config: Config, host: string | null): Promise<readonly Live[]> {
  const paths = Object.entries(config.systems).flatMap(([system, { components }]) =>
    Object.entries(components).flatMap(([name, component]) =>
      host !== null && component.host !== host
        ? []
        : (component.type === 'postgresql' ? [component.dataDirectory] : component.paths).map((path) => ({ path, owner: `${system}/${name}` })),
    ),
  )
  return Promise.all(paths.map(async (one) => ({ ...one, real: await realOf(one.path) })))
}
