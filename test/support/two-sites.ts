/**
 * A system that can move between two sites on this machine: each with a host, a home, keys, workers and a WAL shipper of its
 * own; one Temporal server; a store that only the home site reaches, and one that both reach.
 */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import type { Agent } from '../../activities/agent.ts'
import { foldRecords, type ControlState } from '../../domain/control-state.ts'
import { readRecords } from '../../repository/control-records.ts'
import { createAgent } from '../../wiring/agent.ts'
import { ownCommand } from '../../wiring/own-command.ts'
import type { Places } from '../../wiring/places.ts'
import { runHostShipper } from '../../wiring/shipper.ts'
import { createWorkers, runWorkers } from '../../workers/worker.ts'
import { askPostgres } from './ask-postgres.ts'
import { addresses } from './dns-rig.ts'
import { type DnsZone, startDnsZone } from './dns-zone.ts'
import { createInstallation, type Installation } from './installation.ts'
import { createCluster, freePort, serverUser, type TestCluster } from './postgres-cluster.ts'
import { waitFor, workflowBundle } from './rig.ts'

export interface Site {
  readonly agent: Agent
  /** `host: false` for a site whose host does not answer; its control work goes on. Workflow code runs at the other site unless told. */
  startAgent(roles?: { readonly host?: boolean; readonly workflows?: boolean }): Promise<void>
  stopAgent(): Promise<void>
  startShipper(): Promise<void>
  stopShipper(): Promise<void>
  /** What the system's service there says: `running` or `stopped`. */
  serviceState(): Promise<string>
  /** How often it was started. */
  serviceStarts(): Promise<number>
}

export interface TwoSites {
  readonly installation: Installation
  readonly cluster: TestCluster
  /** The primary name server stands at the other site, the secondary at home; `app` leads home at first. */
  readonly dns: DnsZone
  readonly home: Site
  readonly away: Site
  /** Where the database is at the other site. */
  readonly awayDirectory: string
  /** SQL at the server of the other site, as the superuser. */
  awaySql<Row extends object>(text: string): Promise<Row[]>
  /** What the control records add up to, as the other site reads them. */
  state(): Promise<ControlState>
  apply(extra?: string): Promise<void>
  stop(): Promise<void>
}

/** Parts of muster.yaml. */
export interface TwoSitesOptions {
  readonly limits?: string
  readonly checks?: string
  readonly restore?: string
  /** Keys of the failover, one a line; of the folder that everything is in. */
  readonly failover?: readonly string[] | ((base: string) => readonly string[])
  /** Further keys of the system, as text. */
  readonly system?: (base: string) => string
}

export async function createTwoSites(env: TestWorkflowEnvironment, options: TwoSitesOptions = {}): Promise<TwoSites> {
  const installation = await createInstallation()
  const { base } = installation
  const cluster = await createCluster({ settings: { wal_keep_size: '0' } })
  await cluster.sql('create table markers (n int primary key, at timestamptz default clock_timestamp()); grant select on markers to muster')
  const dns = await startDnsZone()
  await dns.put(`app.${dns.zone}`, 'A', 60, [addresses.primary])
  await dns.followed()
  await writeFile(join(base, 'tsig'), dns.key.secret, { mode: 0o600 })
  const awayBase = await cluster.makeDirectory('away')
  const awayPort = await freePort()
  await mkdir(join(base, 'uploads'))
  await writeFile(join(base, 'uploads', 'logo.txt'), 'first')
  await writeService(base, 'home', [])
  // The other site reaches no store outside itself: only what Muster starts may start there.
  await writeService(base, 'away', guardCommand(installation.beta, 'beta'))
  const yaml = (extra: string) => yamlFor(base, cluster, { awayBase, awayPort, extra, dns }, options)
  await installation.apply(yaml(''))
  // What `muster apply` brings to the other host where Temporal runs.
  await copyFile(installation.alpha.configFile, join(base, 'beta', 'muster.yaml'))
  const home = await createSite(env, installation.alpha, 'alpha', 'primary', base, 'home')
  const away = await createSite(env, installation.beta, 'beta', 'dr', base, 'away')
  const sites: TwoSites = {
    installation,
    cluster,
    dns,
    home,
    away,
    awayDirectory: join(awayBase, 'data'),
    awaySql: (text) => superuser(awayBase, awayPort, text),
    async state() {
      const { config, hash: _ } = await away.agent.config(null)
      const stores = await Promise.all(Object.keys(config.stores).map((name) => away.agent.store(config, name)))
      return foldRecords((await readRecords({ stores, verifier: await away.agent.verifier(config) }, 'shop')).records)
    },
    async apply(extra = '') {
      await installation.apply(yaml(extra), env.client)
    },
    async stop() {
      for (const site of [home, away]) {
        await site.stopAgent()
        await site.stopShipper()
      }
      await dns.stop()
      await cluster.destroy()
      await installation.remove()
    },
  }
  await home.startAgent()
  await away.startAgent()
  await sites.apply()
  await home.startShipper()
  await away.startShipper()
  return sites
}

/** A site with one host: its agent, and what the service there says. */
export async function createSite(env: TestWorkflowEnvironment, places: Places, host: string, site: string, base: string, service: string): Promise<Site> {
  const agent = await createAgent({ places, host, site, temporal: env.client })
  const running: { agent: Running | null; shipper: Running | null } = { agent: null, shipper: null }
  const stop = async (part: 'agent' | 'shipper') => {
    running[part]?.stop.abort()
    await running[part]?.done
    running[part] = null
  }
  return {
    agent,
    async startAgent({ host: withHost = true, workflows = site === 'dr' } = {}) {
      const workers = await createWorkers({
        connection: env.nativeConnection,
        namespace: env.namespace ?? 'default',
        agent,
        roles: { workflows, site: true, host: withHost },
        bundle: await workflowBundle(),
      })
      const abort = new AbortController()
      running.agent = { stop: abort, done: runWorkers(workers, abort.signal) }
    },
    stopAgent: () => stop('agent'),
    async startShipper() {
      const abort = new AbortController()
      running.shipper = { stop: abort, done: runHostShipper(places, host, site, abort.signal) }
      await waitFor(
        `the WAL shipper of ${host}`,
        async () => (await agent.postgresql.shipperRequest(agent.shipperSocket, 'status', undefined).catch(() => null)) !== null,
      )
    },
    stopShipper: () => stop('shipper'),
    serviceState: async () => ((await readFile(join(base, `service-${service}.running`), 'utf8').catch(() => '')) === '' ? 'stopped' : 'running'),
    serviceStarts: async () => (await readFile(join(base, `service-${service}.running.starts`), 'utf8').catch(() => '')).split('\n').length - 1,
  }
}

interface Running {
  readonly stop: AbortController
  readonly done: Promise<void>
}

/** A service whose state is a file: what is started and stopped is what a test looks at. It asks its guard, where it has one. */
async function writeService(base: string, site: string, guard: readonly string[]): Promise<void> {
  const file = join(base, `service-${site}.running`)
  const start = [
    ...(guard.length > 0 ? [guard.map((word) => `'${word}'`).join(' ')] : []),
    `echo started >> '${file}.starts' && echo running > '${file}'`,
  ].join(' && ')
  await writeFile(
    join(base, `service-${site}`),
    `#!/bin/sh\ncase "$1" in\nstart) ${start} ;;\nstop) rm -f '${file}' ;;\nstatus) test -f '${file}' ;;\nesac\n`,
    { mode: 0o755 },
  )
  if (site === 'home') await writeFile(file, 'running\n')
}

function guardCommand({ configFile, home, keys }: Places, host: string): readonly string[] {
  return ['/usr/bin/env', `MUSTER_HOME=${home}`, `MUSTER_KEYS=${keys}`, ...ownCommand(), '--config', configFile, 'guard', 'shop', '--host', host]
}

function superuser<Row extends object>(host: string, port: number, text: string): Promise<Row[]> {
  return askPostgres<Row>({ host, port, user: 'postgres', database: 'postgres' }, text)
}

/** Site `primary` is the one that may be lost: updates are taken at the other, and the secondary there does not count. */
function record(base: string, { zone, primary, secondary, key }: DnsZone): object {
  const at = (server: { readonly address: string; readonly port: number }) => `${server.address}:${server.port}`
  return {
    provider: 'rfc2136',
    name: `app.${zone}`,
    zone,
    values: { primary: [addresses.primary], dr: [addresses.dr] },
    nameServers: [
      { server: at(primary), site: 'dr' },
      { server: at(secondary), site: 'primary' },
    ],
    servers: [{ server: at(primary), site: 'dr' }],
    key: { name: key.name, secret: `file:${base}/tsig` },
  }
}

function yamlFor(
  base: string,
  cluster: TestCluster,
  away: { readonly awayBase: string; readonly awayPort: number; readonly extra: string; readonly dns: DnsZone },
  options: TwoSitesOptions,
): string {
  const { connection } = cluster.config
  const service = (site: string) =>
    `{ type: command, start: [${base}/service-${site}, start], stop: [${base}/service-${site}, stop], status: [${base}/service-${site}, status] }`
  const failover = typeof options.failover === 'function' ? options.failover(base) : (options.failover ?? [])
  return `
organisation: Test
sites: { primary: { hosts: [alpha] }, dr: { hosts: [beta] } }
stores:
  near: { type: directory, path: ${base}/stores/near, hosts: [alpha] }
  offsite: { type: directory, path: ${base}/stores/offsite, hosts: [alpha, beta], site: dr, host: beta }
encryption: { identity: "file:${base}/alpha/keys/identity.txt", restoreHosts: [alpha, beta] }
limits: ${options.limits ?? '{ agent: 5s, heartbeat: 10s }'}
systems:
  shop:
    objectives: { rpo: 1m, rto: 5m }
    components:
      database:
        type: postgresql
        host: alpha
        dataDirectory: ${cluster.directory}
        connection: { host: ${connection.host}, port: ${connection.port}, user: muster, database: postgres }
        server: { control: pg_ctl, options: ["-c", "port=${connection.port}", "-c", "unix_socket_directories=${connection.host}"], logFile: ${cluster.base}/home.log }
        runAs: ${serverUser}
        binDirectory: ${cluster.config.binDirectory}
        checkpoint: fast
        wal: { shipEvery: 1s }
        checks: ${options.checks ?? '[{ sql: "select count(*) from markers", min: 1 }]'}
      uploads: { type: files, host: alpha, paths: [${base}/uploads], follows: database }
    services:
      web: ${service('home').replace('{ ', '{ host: alpha, ')}
    restore: ${options.restore ?? '{ commitAfter: 0 }'}
    failover:
      to: dr${failover.map((line) => `\n      ${line}`).join('')}
      components:
        database:
          dataDirectory: ${away.awayBase}/data
          connection: { host: ${away.awayBase}, port: ${away.awayPort}, user: muster, database: postgres }
          server: { control: pg_ctl, options: ["-c", "port=${away.awayPort}", "-c", "unix_socket_directories=${away.awayBase}"], logFile: ${cluster.base}/away.log }
        uploads: { paths: [${base}/uploads-there] }
      services:
        web: ${service('away')}
    dns: [${JSON.stringify(record(base, away.dns))}]${options.system?.(base) ?? ''}
${away.extra}`
}
