import assert from 'node:assert/strict'
import { access, lstat, readdir, readlink, rename, rm, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { runTool } from '../../adapters/process/run-tool.ts'
import type { SafetyMember } from '../../domain/repository-format.ts'
import { foldRecords } from '../../domain/control-state.ts'
import { readChain } from '../../repository/control-records.ts'
import type { RestoreResult } from '../../workflows/restore/run-restore.ts'
import { databaseConfig } from '../support/database-config.ts'
import { type Mount, mountTmpfs } from '../support/mounts.ts'
import { createCluster, giveToCluster, type TestCluster } from '../support/postgres-cluster.ts'
import { createRig, type Rig, startTemporal } from '../support/rig.ts'

describe('restore of a database with pg_wal on a disk of its own', function () {
  this.timeout(240_000)
  let env: TestWorkflowEnvironment

  before(async () => {
    env = await startTemporal()
  })
  after(async () => {
    await env?.teardown()
  })

  describe('where a new directory fits beside the old one', () => {
    let lab: Lab
    let disk: string
    let first: RestoreResult

    before(async () => {
      lab = await createLab(env)
      disk = await lab.cluster.makeDirectory('disk')
      await moveWal(lab.cluster, join(disk, 'wal'))
      await lab.cluster.sql('insert into markers select generate_series(1, 10)')
      await lab.backUp()
    })
    after(async () => {
      await lab?.stop()
    })

    it('rolls back by itself when a check fails after the swap: the newest row and the old WAL are there, nothing else', async () => {
      const moment = await lab.momentAfter('insert into markers values (11)')
      await lab.cluster.sql('insert into markers values (12)')
      await lab.rig.reconfigure(lab.yaml(failsInPlace))
      await assert.rejects(lab.recover({ to: { time: moment } }), (error: Error) => {
        assert.match(String((error.cause as Error | undefined)?.message), /rolled back: what ran before is running again/)
        return true
      })
      assert.equal(await lab.newest(), 12)
      assert.equal(await linkOf(lab.cluster), join(disk, 'wal'))
      assert.deepEqual(await readdir(disk), ['wal'])
      await lab.rig.reconfigure(lab.yaml(''))
    })

    it('gives the restored database a new directory there, and keeps the old one as part of the safety set', async () => {
      const moment = await lab.momentAfter('insert into markers values (13)')
      await lab.cluster.sql('insert into markers values (14)')
      first = await lab.recover({ to: { time: moment } })
      assert.equal(await lab.newest(), 13)
      const { decision, forecast } = first.plan
      const [planned] = decision.components
      const into = planned?.type === 'postgresql' ? planned.walInto : undefined
      assert.match(into ?? '', new RegExp(`^${disk}/wal-[0-9a-f]{8}$`))
      assert.ok(planned?.type === 'postgresql' && planned.alsoSetAside?.includes(join(disk, 'wal')))
      assert.deepEqual(forecast.warnings, [])
      assert.equal(await linkOf(lab.cluster), into)
      const [wal] = await lab.cluster.sql<{ name: string }>('select pg_walfile_name(pg_current_wal_insert_lsn()) as name')
      assert.ok((await readdir(into ?? '')).includes(wal?.name ?? ''))
      const kept = first.safety.find(({ path }) => path === join(disk, 'wal'))
      assert.ok(kept && kept.sizeBytes >= 16e6 && kept.safetyPath === kept.path)
      assert.deepEqual(
        (await lab.members(first)).map(({ path, safetyPath, except }) => ({ path, stays: path === safetyPath, except })),
        [
          { path: lab.cluster.directory, stays: false, except: undefined },
          { path: join(disk, 'wal'), stays: true, except: undefined },
        ],
      )
    })

    it('goes back to the safety set with its own WAL, and the set is none any more', async () => {
      const replaced = await linkOf(lab.cluster)
      const back = await lab.recover({ back: first.plan.decision.system === 'shop' ? await lab.runOf(first) : '' })
      assert.equal(await lab.newest(), 14)
      assert.equal(await linkOf(lab.cluster), join(disk, 'wal'))
      assert.deepEqual(await lab.members(first), [])
      assert.deepEqual(
        (await lab.members(back)).map(({ path }) => path),
        [lab.cluster.directory, replaced],
      )
    })

    it('does the same after the loss of the data directory, as the backup remembers it', async () => {
      await lab.cluster.sql('insert into markers values (15)')
      await lab.backUp()
      await lab.cluster.kill()
      await rm(lab.cluster.directory, { recursive: true })
      const result = await lab.recover({})
      assert.equal(await lab.newest(), 15)
      assert.match(await linkOf(lab.cluster), new RegExp(`^${disk}/wal-[0-9a-f]{8}$`))
      assert.ok((await lab.members(result)).some(({ path }) => path === join(disk, 'wal')))
    })

    it('falls back to an ordinary directory where the disk is lost too, and the plan says so', async () => {
      await lab.cluster.sql('insert into markers values (16)')
      await lab.backUp()
      await lab.cluster.kill()
      await rm(lab.cluster.directory, { recursive: true })
      await rm(disk, { recursive: true })
      const result = await lab.recover({})
      assert.equal(await lab.newest(), 16)
      assert.ok((await lstat(join(lab.cluster.directory, 'pg_wal'))).isDirectory())
      assert.match(result.plan.forecast.warnings.join(), /pg_wal was a link to .*\/disk\/wal.*which is not there/)
    })
  })

  describe('where nothing can be made beside the old one', () => {
    let lab: Lab
    let mount: Mount
    let wal: string

    before(async () => {
      lab = await createLab(env)
      const disk = await lab.cluster.makeDirectory('disk')
      wal = join(disk, 'wal')
      mount = await mountTmpfs(wal, 600)
      await giveToCluster(wal)
      await moveWal(lab.cluster, wal)
      await lab.cluster.sql('insert into markers values (1)')
      await lab.backUp()
    })
    after(async () => {
      await lab?.cluster.kill()
      await mount?.unmount()
      await lab?.stop()
    })

    it('makes the new directory inside, and the safety set names what in it is not its own', async () => {
      const one = await lab.recover({})
      const inside = await linkOf(lab.cluster)
      assert.equal(dirname(inside), wal)
      assert.deepEqual(
        (await lab.members(one)).filter(({ path }) => path === wal).map(({ except }) => except),
        [[inside.slice(wal.length + 1)]],
      )
      const writing = writeUntilRefused(lab.cluster)
      const two = await lab.recover({})
      const acknowledged = await writing
      const next = await linkOf(lab.cluster)
      assert.notEqual(next, inside)
      assert.equal(dirname(next), wal)
      assert.ok((await lab.members(two)).some(({ path }) => path === inside))
      await access(inside)
      assert.ok(acknowledged > 2)
      // A commit whose answer was lost with the connection may be there too.
      assert.ok([acknowledged, acknowledged + 1].includes(await lab.newest()), `${await lab.newest()} of ${acknowledged}`)
    })
  })
})

/** Commits a row after the other until the server is stopped: what came after the plan is only in its own WAL. */
async function writeUntilRefused(cluster: TestCluster): Promise<number> {
  for (let n = 2; ; n += 1) {
    try {
      await cluster.sql(`insert into markers values (${n})`)
    } catch {
      return n - 1
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Holds aside, where the copy is read-only, and fails in place, where it is writable. */
const failsInPlace = `[{ sql: "select case when current_setting('transaction_read_only') = 'on' and pg_is_in_recovery() then 1 else 0 end", min: 1 }]`

interface Lab {
  readonly cluster: TestCluster
  readonly rig: Rig
  yaml(checks: string): string
  backUp(): Promise<void>
  recover(what: { readonly to?: { readonly time: string }; readonly back?: string }): Promise<RestoreResult>
  momentAfter(sql: string): Promise<string>
  newest(): Promise<number>
  runOf(result: RestoreResult): Promise<string>
  /** Of the safety set that a restore left, as it is recorded now. */
  members(result: RestoreResult): Promise<readonly SafetyMember[]>
  stop(): Promise<void>
}

async function createLab(env: TestWorkflowEnvironment): Promise<Lab> {
  const cluster = await createCluster()
  await cluster.sql('create table markers (n int primary key); grant select on markers to muster')
  let yaml: Lab['yaml'] = () => ''
  const rig = await createRig({
    env,
    yaml: (base) => {
      yaml = (checks) => yamlFor(base, cluster, checks)
      return yaml('')
    },
  })
  const runs = new Map<RestoreResult, string>()
  let number = 0
  const execute = async <T>(type: string, workflowId: string, input: object): Promise<{ result: T; run: string }> => {
    const handle = await env.client.workflow.start(type, { taskQueue: 'muster', workflowId, args: [input] })
    return { result: (await handle.result()) as T, run: `${workflowId}:${handle.firstExecutionRunId}` }
  }
  return {
    cluster,
    rig,
    yaml: (checks) => yaml(checks),
    backUp: async () => void (await execute('backupSystem', `backup/${(number += 1)}`, { system: 'shop' })),
    async recover(what) {
      const type = what.to ? 'recoverToPointInTime' : 'restoreSystem'
      const input = { system: 'shop', requestedBy: 'alice', ...what }
      const { plan } = (await execute<RestoreResult>(type, `plan/${(number += 1)}`, { ...input, planOnly: true })).result
      const approval = { approve: plan.decisionHash, expiresAt: plan.decision.expiresAt }
      const { result, run } = await execute<RestoreResult>(type, 'target/shop', { ...input, ...approval })
      runs.set(result, run)
      // The full backup that follows holds the component; what comes next would find it held.
      if (result.backup) await env.client.workflow.getHandle(result.backup).result()
      return result
    },
    async momentAfter(sql) {
      await cluster.sql(sql)
      const [row] = await cluster.sql<{ now: Date }>('select clock_timestamp() as now')
      await new Promise((resolve) => setTimeout(resolve, 30))
      return new Date((row as { now: Date }).now.getTime() + 1).toISOString()
    },
    newest: async () => (await cluster.sql<{ n: number }>('select max(n) as n from markers'))[0]?.n ?? 0,
    runOf: async (result) => runs.get(result) ?? '',
    async members(result) {
      const store = await rig.agent.store(rig.config, 'local')
      const { records } = await readChain(store, 'shop', await rig.agent.verifier(rig.config))
      return foldRecords(records).safetySets.find(({ run }) => run === runs.get(result))?.members ?? []
    },
    async stop() {
      await rig.stop()
      await cluster.destroy()
    },
  }
}

async function linkOf(cluster: TestCluster): Promise<string> {
  return readlink(join(cluster.directory, 'pg_wal'))
}

async function moveWal(cluster: TestCluster, to: string): Promise<void> {
  await cluster.stop()
  const from = join(cluster.directory, 'pg_wal')
  await runTool('cp', ['--archive', '--no-target-directory', from, to])
  await rename(from, join(cluster.base, 'wal.before'))
  await rm(join(cluster.base, 'wal.before'), { recursive: true })
  await symlink(to, from)
  await cluster.start()
}

function yamlFor(base: string, cluster: TestCluster, checks: string): string {
  return `
organisation: Test
stores:
  local: { type: directory, path: ${base}/stores/local }
encryption: { identity: "file:${base}/keys/identity.txt" }
systems:
  shop:
    components:
      database:
        ${databaseConfig(cluster, '1s, reserve: 10MB')}
        ${checks ? `checks: ${checks}` : ''}
    restore: { commitAfter: 0 }
`
}
