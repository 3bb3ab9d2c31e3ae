/**
 * Activities on DNS records with real parts: a Temporal server, a worker of the site `primary`, a primary and a secondary
 * DNS server, and a strict Route 53. Site `primary` is the one that may be lost; updates are taken at site `dr`.
 */
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import type { WorkflowHandle } from '@temporalio/client'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker'
import type { DnsChanged } from '../../activities/site/dns/change-dns.ts'
import type { DnsObserved } from '../../activities/site/dns/observe-dns.ts'
import type { DnsPlans } from '../../activities/site/dns/plan-dns.ts'
import type { SiteActivities } from '../../activities/site/index.ts'
import { configHash } from '../../config/canonical.ts'
import type { RecordSet } from '../../domain/dns.ts'
import { MusterError } from '../../domain/failures.ts'
import { defaultTimeLimits, type TimeLimits } from '../../domain/time-limits.ts'
import type { PlainFailure } from '../../workflows/failure-of.ts'
import { modulePath } from '../../workers/bundle.ts'
import { type DnsZone, startDnsZone } from './dns-zone.ts'
import type { OneStep } from './one-step.ts'
import { createRig, type Rig, startTemporal } from './rig.ts'
import { quietly } from './scripted-activities.ts'
import { type Route53Server, startRoute53 } from './route53-server.ts'

type DnsActivity = keyof Outputs
type InputOf<A extends DnsActivity> = Parameters<SiteActivities[A]>[0]
interface Outputs {
  readonly planDns: DnsPlans
  readonly changeDns: DnsChanged
  readonly observeDns: DnsObserved
}

export interface DnsRig {
  readonly env: TestWorkflowEnvironment
  readonly rig: Rig
  readonly zone: DnsZone
  readonly route53: Route53Server
  /** A record as `put` makes it: it leads to 192.0.2.1 (primary). */
  readonly before: (name: string) => RecordSet
  start<A extends DnsActivity>(activity: A, input: Partial<InputOf<A>>, limits?: Partial<TimeLimits>): Promise<WorkflowHandle>
  /** @throws MusterError as the activity failed */
  run<A extends DnsActivity>(activity: A, input: Partial<InputOf<A>>, limits?: Partial<TimeLimits>): Promise<Outputs[A]>
  stop(): Promise<void>
}

export const addresses = { primary: '192.0.2.1', dr: '198.51.100.2' } as const
const testQueue = 'one-step'
const quick: TimeLimits = { ...defaultTimeLimits, heartbeatSeconds: 2, controlSeconds: 60, retrySeconds: 0.2 }

export interface DnsRigOptions {
  readonly secondaryFollows?: boolean
  /** False where workers run in processes of their own. */
  readonly withWorkers?: boolean
  /** Lines of the zone from the beginning. */
  readonly lines?: readonly string[]
  /** More records of the system `shop`, as muster.yaml has them. */
  readonly records?: (parts: { readonly zone: DnsZone; readonly route53: Route53Server }) => readonly object[]
}

export async function createDnsRig({ secondaryFollows = true, withWorkers = true, lines = [], records = () => [] }: DnsRigOptions = {}): Promise<DnsRig> {
  const parts: { stop(): Promise<unknown> }[] = []
  const stop = async () => {
    for (const part of parts.reverse()) await part.stop()
  }
  try {
    const zone = await startDnsZone('kennel.example.', { secondaryFollows, lines })
    parts.push(zone)
    const route53 = await startRoute53()
    parts.push(route53)
    quietly()
    const env = await startTemporal()
    parts.push({ stop: () => env.teardown() })
    const yaml = (base: string) => yamlFor(base, [...basicRecords(base, zone, route53), ...records({ zone, route53 })])
    const rig = await createRig({ env, yaml, prepare: (base) => prepare(base, zone, route53), withWorkers, withShipper: false })
    parts.push(rig)
    const { nativeConnection: connection, namespace = 'default' } = env
    const dataConverter = { failureConverterPath: modulePath('../workers/failure-converter') }
    const worker = await Worker.create({ connection, namespace, taskQueue: testQueue, workflowBundle: await stepBundle(), dataConverter })
    const done = worker.run()
    parts.push({
      stop: () => {
        worker.shutdown()
        return done
      },
    })
    let count = 0
    const start: DnsRig['start'] = (activity, input, limits = {}) => {
      const full = { system: 'shop', configHash: configHash(rig.config), toSite: 'dr', lostSite: 'primary', ...input }
      const args: [OneStep] = [{ activity, input: full, limits: { ...quick, ...limits } }]
      return env.client.workflow.start('oneStep', { taskQueue: testQueue, workflowId: `step-${(count += 1)}`, args })
    }
    return {
      env,
      rig,
      zone,
      route53,
      before: (name) => ({ name, type: 'A', ttlSeconds: 60, values: [addresses.primary] }),
      start,
      run: async <A extends DnsActivity>(activity: A, input: Partial<InputOf<A>>, limits?: Partial<TimeLimits>) =>
        resultOf<Outputs[A]>(await start(activity, input, limits)),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

let bundle: Promise<{ readonly code: string }> | null = null

function stepBundle(): Promise<{ readonly code: string }> {
  bundle ??= bundleWorkflowCode({ workflowsPath: fileURLToPath(new URL('one-step.ts', import.meta.url)), logger: new DefaultLogger('ERROR') })
  return bundle
}

/** @throws MusterError as the activity failed */
export async function resultOf<R>(handle: WorkflowHandle): Promise<R> {
  const ended = (await handle.result()) as { readonly result: R } | { readonly failed: PlainFailure }
  if ('failed' in ended) throw new MusterError(ended.failed.type, ended.failed.message)
  return ended.result
}

/** How often an activity was begun in a run. */
export async function attemptsOf(handle: WorkflowHandle): Promise<number> {
  const { events } = await handle.fetchHistory()
  return Math.max(0, ...(events ?? []).map((event) => event.activityTaskStartedEventAttributes?.attempt ?? 0))
}

async function prepare(base: string, zone: DnsZone, route53: Route53Server): Promise<void> {
  await mkdir(join(base, 'uploads'), { mode: 0o755 })
  await writeFile(join(base, 'uploads', 'logo.png'), 'logo')
  for (const [name, secret] of [
    ['tsig', zone.key.secret],
    ['aws', `${route53.accessKeyId}:${route53.secretAccessKey}`],
  ] as const) {
    await writeFile(join(base, name), secret)
    await chmod(join(base, name), 0o600)
  }
}

function basicRecords(base: string, { zone, primary, secondary, key }: DnsZone, route53: Route53Server): readonly object[] {
  const at = (server: { readonly address: string; readonly port: number }) => `${server.address}:${server.port}`
  const values = { primary: [addresses.primary], dr: [addresses.dr] }
  const nameServers = [
    { server: at(primary), site: 'dr' },
    { server: at(secondary), site: 'primary' },
  ]
  const rfc2136 = {
    provider: 'rfc2136',
    zone,
    values,
    nameServers,
    servers: [{ server: at(primary), site: 'dr' }],
    key: { name: key.name, secret: `file:${base}/tsig` },
  }
  return [
    { ...rfc2136, name: `app.${zone}` },
    {
      provider: 'route53',
      name: `aws.${zone}`,
      values,
      hostedZone: route53.hostedZone,
      endpoint: route53.endpoint,
      credentials: `file:${base}/aws`,
      nameServers: [{ server: at(route53.nameServer) }],
      settleTimeout: '1s',
    },
    { provider: 'manual', name: `hand.${zone}`, values, nameServers: nameServers.slice(0, 1) },
  ]
}

function yamlFor(base: string, dns: readonly object[]): string {
  return `
organisation: Test
sites: { primary: { hosts: [localhost] }, dr: { hosts: [] } }
stores: { local: { type: directory, path: ${base}/store, hosts: [localhost] } }
encryption: { identity: "file:${base}/keys/identity.txt", restoreHosts: [localhost] }
systems:
  shop:
    components: { uploads: { type: files, paths: [${base}/uploads] } }
    dns: ${JSON.stringify(dns)}
`
}
