/** The WAL shipper of a host, put together from the newest applied config. */
import { join } from 'node:path'
import { openWalSource } from '../adapters/component/postgresql/live-wal-source.ts'
import { recordWriter } from '../activities/host/incarnations.ts'
import type { PostgresqlComponentConfig } from '../domain/config.ts'
import { judgeCopies } from '../domain/copies.ts'
import { parseTimelineHistory } from '../domain/wal.ts'
import { createLogger } from '../observability/logger.ts'
import { appendRecord } from '../repository/control-records.ts'
import { ensureIncarnation } from '../repository/incarnations.ts'
import type { ShipperDependencies, ShipperInstance } from '../workers/shipper-types.ts'
import { runShipper } from '../workers/wal-shipper.ts'
import { createAgent, musterVersion } from './agent.ts'
import { hostDirectory, type Places, shipperSocket } from './places.ts'

/** Runs until aborted. A new config needs a restart, which `muster up` does when the applied hash changes. */
export async function runHostShipper(places: Places, host: string, site: string, signal: AbortSignal): Promise<void> {
  const agent = await createAgent({ places, host, site })
  const log = createLogger({ room: 'shipper', host })
  const { config } = await agent.config(null)
  const writer = await recordWriter(agent, config)
  const deps: ShipperDependencies = {
    organisation: config.organisation,
    host,
    version: musterVersion,
    encryption: agent.encryption(config),
    signer: await agent.signer(),
    verifier: await agent.verifier(config),
    currentIncarnation: ({ system, component }, facts) =>
      ensureIncarnation(writer, system, {
        component,
        host,
        systemIdentifier: facts.systemIdentifier,
        timelineId: facts.timelineId,
        history: facts.history === null ? null : parseTimelineHistory(facts.history),
      }),
    onGap: async ({ system, component, incarnation, afterLsn, beforeLsn, reason }) => {
      log.error({ system, component, afterLsn, beforeLsn, reason }, 'gap in WAL')
      if (beforeLsn === null) return
      await appendRecord(writer, system, (records) =>
        records.some(({ body }) => body.kind === 'gap' && body.component === component && body.afterLsn === afterLsn)
          ? null
          : { kind: 'gap', component, incarnation, afterLsn, beforeLsn, reason },
      )
    },
    log: (event) => log.info(event, event.event),
  }
  const instances: ShipperInstance[] = []
  for (const [system, { components, copies }] of Object.entries(config.systems)) {
    for (const [component, found] of Object.entries(components)) {
      if (found.type !== 'postgresql' || found.host !== host) continue
      instances.push(await instanceFor(system, component, found, (stores) => judgeCopies(config, copies.required, host, [...stores]).met))
    }
  }
  await runShipper(deps, instances, { stateDirectory: join(hostDirectory(places, host), 'wal'), socketPath: shipperSocket(places, host), signal })

  async function instanceFor(
    system: string,
    component: string,
    found: PostgresqlComponentConfig,
    isRequiredMet: ShipperInstance['isRequiredMet'],
  ): Promise<ShipperInstance> {
    const instance = await agent.instance(config, system, component)
    return {
      system,
      component,
      wal: found.wal,
      stores: await Promise.all(found.stores.map((name) => agent.store(config, name))),
      isRequiredMet,
      openSource: (override) => openWalSource(instance, override),
    }
  }
}
