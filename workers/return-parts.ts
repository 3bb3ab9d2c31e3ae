/** What of a system is on this host: how each part is seen to serve, stopped and started, by its own adapter. */
import { passingGuards } from '../activities/host/guard-permits.ts'
import { type Agent, systemOf } from '../activities/agent.ts'
import type { Config } from '../domain/config.ts'

export interface Part {
  readonly name: string
  isServed(signal: AbortSignal): Promise<boolean>
  /** Returns when it was seen stopped. */
  stop(signal: AbortSignal): Promise<void>
  start(signal: AbortSignal): Promise<void>
}

/** In the order in which they are stopped: services, the last one first, then databases. */
export function partsHere(agent: Agent, config: Config, system: string): readonly Part[] {
  const { components, services } = systemOf(config, system)
  const onHost = services.filter(({ host }) => host === agent.host).toReversed()
  const databases = Object.entries(components).flatMap(([name, one]) => (one.type === 'postgresql' && one.host === agent.host ? [name] : []))
  return [...onHost.map(({ name }) => servicePart(agent, config, system, name)), ...databases.map((name) => databasePart(agent, config, system, name))]
}

/** The other way round: databases, then services. Their guards let them pass. */
export async function startInOrder(agent: Agent, system: string, parts: readonly Part[], signal: AbortSignal): Promise<void> {
  for (const part of parts.toReversed()) await passingGuards(agent, system, () => part.start(signal))
}

function servicePart(agent: Agent, config: Config, system: string, name: string): Part {
  const service = agent.service(config, system, name)
  return {
    name,
    isServed: async (signal) => (await service.observe(signal)) === 'running',
    stop: (signal) => service.stop(signal),
    start: async (signal) => {
      if ((await service.observe(signal)) === 'stopped') await service.start(signal)
    },
  }
}

function databasePart(agent: Agent, config: Config, system: string, name: string): Part {
  const instance = () => agent.instance(config, system, name)
  return {
    name,
    async isServed() {
      const { processes, listener } = await agent.postgresql.observeServer(await instance())
      // Who only reads the directory, a backup of it or a person, serves nobody.
      return listener === 'ours' || processes.some(({ command }) => command === 'postgres')
    },
    stop: async (signal) => void (await agent.postgresql.stopServer(await instance(), { mode: 'fast' }, { signal })),
    start: async (signal) => void (await agent.postgresql.startServer(await instance(), { signal })),
  }
}
