/**
 * The WAL shipper of a host, put together from the newest applied configuration. A newer one is taken as soon as it is
 * there; one that cannot be used (a secret that is missing) leaves the old one at work, since WAL that is stored by an
 * old rule is better than none.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openWalSource } from '../adapters/component/postgresql/live-wal-source.ts'
import { recordWriter } from '../activities/host/incarnations.ts'
import type { Agent } from '../activities/agent.ts'
import type { Config, PostgresqlComponentConfig } from '../domain/config.ts'
import { judgeCopies, siteOfSystem } from '../domain/copies.ts'
import { sitesOf } from '../domain/placement.ts'
import { parseTimelineHistory } from '../domain/wal.ts'
import { createLogger, type Logger } from '../observability/logger.ts'
import { createActiveSite } from '../repository/active-site.ts'
import { appendRecord, type ControlRecordsDeps } from '../repository/control-records.ts'
import { ensureIncarnation } from '../repository/incarnations.ts'
import { type ReturnGuard, watchReturn } from '../workers/return-guard.ts'
import type { ActivityWatch } from '../workers/shipper-activity.ts'
import type { ShipperDependencies, ShipperInstance } from '../workers/shipper-types.ts'
import { runShipper } from '../workers/wal-shipper.ts'
import { createAgent, musterVersion } from './agent.ts'
import { newestHash } from './applied-config.ts'
import { hostDirectory, type Places, shipperSocket } from './places.ts'
import { createReturnGuard } from './return-guard.ts'

/** How often it looks whether there is a newer configuration. */
const lookMs = 1000
/** Before a configuration that could not be used is tried again. */
const tryAgainMs = 10_000

interface Setup {
  readonly hash: string
  readonly deps: ShipperDependencies
  readonly instances: readonly ShipperInstance[]
  readonly returnGuard: ReturnGuard
}

/** Runs until aborted; waits for the first configuration where there is none yet. */
export async function runHostShipper(places: Places, host: string, site: string, signal: AbortSignal): Promise<void> {
  const agent = await createAgent({ places, host, site })
  const log = createLogger({ room: 'shipper', host })
  if ((await newestHash(places)) === null) log.warn({}, 'no configuration was applied on this host yet; waiting for one')
  while (!signal.aborted && (await newestHash(places)) === null) await pause(lookMs, signal)
  if (signal.aborted) return
  let setup: Setup | null = await prepare(agent, log)
  while (setup !== null) setup = await runUntilChanged(places, agent, log, setup, signal)
}

/** @returns the next setup, or null when aborted */
async function runUntilChanged(places: Places, agent: Agent, log: Logger, setup: Setup, signal: AbortSignal): Promise<Setup | null> {
  const { host } = agent
  const ended = new AbortController()
  const change = new AbortController()
  const options = {
    stateDirectory: join(hostDirectory(places, host), 'wal'),
    socketPath: shipperSocket(places, host),
    signal: AbortSignal.any([signal, change.signal]),
  }
  const running = Promise.all([runShipper(setup.deps, setup.instances, options), watchReturn(setup.returnGuard, options.signal)]).finally(() => ended.abort())
  // What it throws is met below, after the look for a newer configuration has ended.
  running.catch(() => undefined)
  const next = await nextSetup(places, agent, log, setup.hash, AbortSignal.any([signal, ended.signal]))
  change.abort()
  await running
  if (next !== null) log.info({ config: next.hash }, 'goes on with a newer configuration')
  return next
}

/** Waits for a newer configuration that can be used. @returns null when aborted before */
async function nextSetup(places: Places, agent: Agent, log: Logger, current: string, signal: AbortSignal): Promise<Setup | null> {
  while (!signal.aborted) {
    await pause(lookMs, signal)
    const newest = await newestHash(places).catch(() => null)
    if (signal.aborted || newest === null || newest === current) continue
    try {
      return await prepare(agent, log)
    } catch (error) {
      log.error({ config: newest, problem: error instanceof Error ? error.message : String(error) }, 'cannot use the newer configuration; the old one stays')
      await pause(tryAgainMs, signal)
    }
  }
  return null
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => undefined)
}

async function prepare(agent: Agent, log: Logger): Promise<Setup> {
  const { config, whole, hash } = await agent.config(null)
  const instances: ShipperInstance[] = []
  for (const [system, { components, copies }] of Object.entries(config.systems)) {
    for (const [component, found] of Object.entries(components)) {
      if (found.type !== 'postgresql' || found.host !== agent.host) continue
      const isRequiredMet: ShipperInstance['isRequiredMet'] = (stores) =>
        judgeCopies(config, copies.required, agent.host, stores.keys(), Object.fromEntries(stores)).met
      instances.push(await instanceFor(agent, config, { system, component, found, isRequiredMet }))
    }
  }
  return { hash, deps: await dependencies(agent, config, whole, log), instances, returnGuard: await createReturnGuard(agent, activitySeconds) }
}

async function instanceFor(
  agent: Agent,
  config: Config,
  about: { readonly system: string; readonly component: string; readonly found: PostgresqlComponentConfig } & Pick<ShipperInstance, 'isRequiredMet'>,
): Promise<ShipperInstance> {
  const { system, component, found, isRequiredMet } = about
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

/** Seconds between two looks at where systems are active. */
const activitySeconds = 5

/** Systems without another site are always active here. */
function activityOf(records: ControlRecordsDeps, whole: Config, here: string): ActivityWatch {
  const looks = new Map(
    Object.keys(whole.systems).flatMap((system) => (sitesOf(whole, system).length > 1 ? [[system, createActiveSite(records, system)] as const] : [])),
  )
  const last = new Map<string, string>()
  return {
    everySeconds: activitySeconds,
    async isActiveHere(system) {
      const look = looks.get(system)
      if (!look) return true
      last.set(system, (await look()) ?? last.get(system) ?? siteOfSystem(whole, system))
      return last.get(system) === here
    },
  }
}

async function dependencies(agent: Agent, config: Config, whole: Config, log: Logger): Promise<ShipperDependencies> {
  const { host, site } = agent
  const writer = await recordWriter(agent, config)
  return {
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
    activity: activityOf(writer, whole, site),
  }
}
