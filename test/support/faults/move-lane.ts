/** One system of a sweep that moves between two sites: the worker of one of them is lost, the other's goes on. */
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { readStandby } from '../../../activities/host/standby/standby-note.ts'
import type { Standby } from '../../../domain/standby.ts'
import type { MoveResult } from '../../../workflows/messages.ts'
import { startTemporal, workflowBundle } from '../rig.ts'
import { createTwoSites, type TwoSites } from '../two-sites.ts'
import { noticesFrozenClients } from './rig.ts'
import { createRunner, type Ended, type Runner } from './runner.ts'
import { bundleWorker } from './worker-bundle.ts'
import { spawnFaultWorker } from './worker-process.ts'

export interface MoveLane extends Runner {
  readonly env: TestWorkflowEnvironment
  readonly sites: TwoSites
  /** Database and tree at the other site. */
  readonly members: readonly [database: string, tree: string]
  next(): number
  /** Waits for the full backup that follows a move. @returns its outcome */
  backupAfter(ended: Pick<Ended, 'result'>): Promise<string>
  /** As the schedule does it, without losing anybody. */
  refreshStandby(): Promise<void>
  /** The next refresh begins anew. */
  forgetStandby(): Promise<void>
  /** What it says of itself. */
  standby(): Promise<Standby | null>
  readonly standbyPlace: string
  /** Home again, without losing anybody. */
  comeBack(): Promise<void>
  stop(): Promise<void>
}

const isFailing = 'select case when pg_is_in_recovery() or not exists (select 1 from spoilt) then 1 else 0 end'

/** @param losing the site whose worker is lost */
export async function createMoveLane(losing: 'home' | 'away' = 'away'): Promise<MoveLane> {
  process.env['MUSTER_LOG'] ??= 'fatal'
  const env = await startTemporal(noticesFrozenClients)
  const sites = await createTwoSites(env, {
    limits: '{ heartbeat: 2s, retry: 1s, agent: 30s }',
    checks: `[{ sql: "select count(*) from markers", min: 1 }, { sql: "${isFailing}", min: 1 }]`,
    restore: '{ commitAfter: 0, approvals: { count: 0 } }',
    // Refreshed only where a family does it.
    failover: ['mode: warm', 'refreshEvery: 24h'],
  })
  await sites.cluster.sql('create table spoilt (n int); grant select on spoilt to muster; insert into markers select generate_series(1, 10)')
  await sites[losing].stopAgent()
  const bundled = await bundleWorker()
  const { base, alpha, beta } = sites.installation
  const lost = losing === 'away' ? { places: beta, host: 'beta', site: 'dr' } : { places: alpha, host: 'alpha', site: 'primary' }
  const bundlePath = join(base, 'bundle.js')
  await writeFile(bundlePath, (await workflowBundle()).code)
  const members = [sites.awayDirectory, join(base, 'uploads-there')] as const
  const workers: { end(): Promise<void> }[] = []
  const runner = await createRunner({
    env,
    async startWorker() {
      const worker = await spawnFaultWorker(bundled.script, { ...lost, address: env.address, bundlePath })
      workers.push(worker)
      return worker
    },
    snapshot: () => snapshotOf(sites, members),
    mine: (queue) => queue === `muster-site-${lost.site}` || queue.startsWith(`muster-host-${lost.host}`),
  })
  let number = 100
  const next = () => (number += 1)
  const standbyPlace = join(sites.awayDirectory, '..', '.muster-shop-database-standby')
  const backupAfter = async ({ result }: Pick<Ended, 'result'>): Promise<string> => {
    const { backup } = result as MoveResult
    if (backup === null) return 'none'
    return ((await env.client.workflow.getHandle(backup).result()) as { readonly outcome: string }).outcome
  }
  await runner.run({ type: 'backupSystem', workflowId: 'backup/first', site: 'primary', input: { system: 'shop' } }, [])
  return {
    ...runner,
    env,
    sites,
    members,
    next,
    backupAfter,
    standbyPlace,
    async refreshStandby() {
      await env.client.workflow.execute('archiveWal', {
        taskQueue: 'muster',
        workflowId: `wal/${next()}`,
        args: [{ system: 'shop' }],
        memo: { site: 'primary' },
      })
      const args = [{ system: 'shop' }]
      await env.client.workflow.execute('refreshStandby', { taskQueue: 'muster', workflowId: `standby/${next()}`, args, memo: { site: 'dr' } })
    },
    forgetStandby: () => rm(standbyPlace, { recursive: true, force: true }),
    standby: () => readStandby({ workDirectory: standbyPlace }),
    async comeBack() {
      const input = { system: 'shop', requestedBy: 'alice' }
      const result = await env.client.workflow.execute('failback', { taskQueue: 'muster', workflowId: 'target/shop', args: [input], memo: { site: 'primary' } })
      await backupAfter({ result })
    },
    async stop() {
      for (const worker of workers) await worker.end()
      await bundled.remove()
      await sites.stop()
      await env.teardown()
    },
  }
}

/** Which data is where, which server serves it, who is active, and where the record leads. */
async function snapshotOf(sites: TwoSites, members: readonly string[]): Promise<Readonly<Record<string, string>>> {
  const { site, incarnations } = await sites.state()
  const found: Record<string, string> = {
    'service there': await sites.away.serviceState(),
    'service at home': await sites.home.serviceState(),
    site: JSON.stringify(site),
    incarnations: String(incarnations.length),
    record: (await sites.dns.held(`app.${sites.dns.zone}`, 'A')).join(),
  }
  for (const member of members) {
    const facts = await stat(member).catch(() => null)
    found[member] = facts === null ? 'absent' : String(facts.ino)
  }
  found['server'] = (await readFile(join(members[0] as string, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0] ?? ''
  return found
}
