/** Where a restore elsewhere may go: neither into nor around anything that Muster protects, stores or works with. */
import type { Config } from '../../../domain/config.ts'
import { MusterError } from '../../../domain/failures.ts'
import type { Agent } from '../../agent.ts'
import { drillsFolder } from '../drill/drill-place.ts'
import { isInside, realOf } from '../real-path.ts'

interface Place {
  readonly path: string
  readonly owner: string
}

/** @throws MusterError WrongTarget naming what stands there; TargetRunning when something listens on the port */
export async function assertPlaceElsewhere(agent: Agent, config: Config, into: { readonly directory: string; readonly port: number | null }): Promise<void> {
  const wanted = await realOf(into.directory)
  // A drill chose its place itself, and looks after it.
  if (isInside(wanted, await realOf(drillsFolder(agent)))) return
  for (const { path, owner } of placesOf(agent, config)) {
    const real = await realOf(path)
    if (!isInside(wanted, real) && !isInside(real, wanted)) continue
    const relation = wanted === real ? 'is' : isInside(wanted, real) ? 'lies inside' : 'holds'
    throw new MusterError('WrongTarget', `${into.directory} ${relation} ${wanted === real ? '' : `${path}, `}${owner}`, {
      hint: 'choose a directory of its own: --into DIR',
    })
  }
  if (await agent.members.isMountPoint(wanted).catch(() => false)) {
    throw new MusterError('WrongTarget', `${into.directory} is a mount point`, { hint: 'choose a directory inside it: --into DIR' })
  }
  if (into.port === null) return
  const user = portUser(agent, config, into.port)
  if (user !== null) {
    throw new MusterError('WrongTarget', `port ${into.port} belongs to ${user}, whose users would find the copy there`, { hint: 'choose another: --port N' })
  }
  await agent.postgresql.assertPortFree(into.port)
}

function placesOf(agent: Agent, config: Config): readonly Place[] {
  const components = Object.entries(config.systems).flatMap(([system, { components: members }]) =>
    Object.entries(members)
      .filter(([, { host }]) => host === agent.host)
      .flatMap(([name, component]) =>
        (component.type === 'postgresql' ? [component.dataDirectory] : component.paths).map((path) => ({
          path,
          owner: `which is protected as ${system}/${name}`,
        })),
      ),
  )
  const stores = Object.entries(config.stores).flatMap(([name, store]) =>
    store.type === 'directory' && store.hosts.includes(agent.host) ? [{ path: store.path, owner: `which is the store "${name}"` }] : [],
  )
  return [...components, ...stores, { path: agent.hostDirectory, owner: 'where Muster keeps its own state' }]
}

function portUser(agent: Agent, config: Config, port: number): string | null {
  for (const [system, { components }] of Object.entries(config.systems)) {
    for (const [name, component] of Object.entries(components)) {
      if (component.type === 'postgresql' && component.host === agent.host && component.connection.port === port) return `${system}/${name}`
    }
  }
  return null
}
