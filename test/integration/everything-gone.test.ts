/** What is left is one store, an identity and the root fingerprint: a machine at the other site takes over, without anything of the first. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { copyFile, cp, mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import type { OpenedRepository } from '../../clients/cli/open.ts'
import { ownCommand } from '../../wiring/own-command.ts'
import { keyFiles, type Places } from '../../wiring/places.ts'
import { pinnedFingerprint } from '../../wiring/trust.ts'
import { type UpHere, upHere } from '../../wiring/up-here.ts'
import type { MoveResult } from '../../workflows/messages.ts'
import { addresses } from '../support/dns-rig.ts'
import { freePort } from '../support/postgres-cluster.ts'
import { startTemporal, waitFor } from '../support/rig.ts'
import { createTwoSites, type TwoSites } from '../support/two-sites.ts'

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

describe('when everything is gone but one store', function () {
  this.timeout(300_000)
  let env: TestWorkflowEnvironment
  let sites: TwoSites
  let dr: Places
  let fingerprint: string
  let ports: readonly string[]
  let up: UpHere | null = null
  const started: ChildProcess[] = []

  before(async () => {
    env = await startTemporal()
    sites = await createTwoSites(env)
    ports = ['--port', String(await freePort()), '--ui-port', String(await freePort())]
    await sites.cluster.sql('insert into markers select generate_series(1, 10)')
    await env.client.workflow.execute('backupSystem', { taskQueue: 'muster', workflowId: 'backup', args: [{ system: 'shop' }], memo: { site: 'primary' } })
    await sites.cluster.sql('insert into markers values (11)')
    await sites.home.agent.postgresql.shipperRequest(sites.home.agent.shipperSocket, 'flush', { system: 'shop', component: 'database', timeoutSeconds: 20 })
    fingerprint = await pinnedFingerprint(sites.installation.alpha)
    await loseEverything()
  })
  after(async () => {
    for (const one of started) one.kill('SIGKILL')
    if (up) await endUp(up)
    await sites?.stop()
    await env?.teardown()
  })

  /** The first site with its disks, Temporal for who is at the other site, and all that was ever on the machine there. */
  async function loseEverything(): Promise<void> {
    const { base, alpha, beta } = sites.installation
    dr = beta
    await mkdir(join(base, 'carried'))
    await copyFile(join(alpha.keys, keyFiles.identity), join(base, 'carried', 'identity.txt'))
    for (const site of [sites.home, sites.away]) {
      await site.stopShipper()
      await site.stopAgent()
    }
    await sites.cluster.stop('immediate')
    await rm(sites.cluster.directory, { recursive: true })
    await rename(join(base, 'alpha'), join(base, 'lost'))
    for (const gone of ['beta', 'stores/near', 'uploads', 'tsig', 'muster.yaml']) await rm(join(base, gone), { recursive: true })
  }

  function muster(...words: readonly string[]): { readonly child: ChildProcess; readonly said: () => string; readonly ended: Promise<Ended> } {
    const [program, ...first] = ownCommand()
    const { TEMPORAL_ADDRESS: _, ...own } = process.env
    const child = spawn(program, [...first, '--config', dr.configFile, ...words], {
      env: { ...own, MUSTER_HOME: dr.home, MUSTER_KEYS: dr.keys, MUSTER_USER: 'alice' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    started.push(child)
    const said = { out: '', err: '' }
    child.stdout?.on('data', (chunk: Buffer) => (said.out += chunk.toString()))
    child.stderr?.on('data', (chunk: Buffer) => (said.err += chunk.toString()))
    const ended = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ code, stdout: said.out, stderr: said.err })))
    return { child, said: () => said.out + said.err, ended }
  }

  async function succeeds<T>(...words: readonly string[]): Promise<T> {
    const { code, stdout, stderr } = await muster('--json', ...words).ended
    assert.equal(code, 0, `muster ${words.join(' ')}: ${stdout} ${stderr}`)
    return JSON.parse(stdout) as T
  }

  async function endUp({ pid }: UpHere): Promise<void> {
    process.kill(pid, 'SIGTERM')
    await waitFor('the end of muster up', async () => (await upHere(dr)) === null, 60)
  }

  async function onTheNewTemporal<T>(ask: (client: Client) => Promise<T>): Promise<T> {
    const connection = await Connection.connect({ address: up?.address ?? assert.fail('muster up does not run') })
    try {
      return await ask(new Client({ connection }))
    } finally {
      await connection.close()
    }
  }

  it('opens the store on a machine with nothing', async () => {
    const { base } = sites.installation
    const opened = await succeeds<OpenedRepository>(
      'repository',
      'open',
      join(base, 'stores', 'offsite'),
      '--root-fingerprint',
      fingerprint,
      '--identity',
      join(base, 'carried', 'identity.txt'),
    )
    assert.deepEqual([opened.host, opened.site, opened.notes, opened.kit.lacks], ['beta', 'dr', [], []])
    const [shop] = opened.systems
    assert.deepEqual([shop?.activeSite, shop?.backups, shop?.problems], ['primary', 1, []])
    assert.ok(Date.parse(opened.at) - Date.parse(shop?.recoverableUntil['database'] ?? '') < 120_000, 'the newest commit is told')
    assert.equal(await readFile(join(base, 'tsig'), 'utf8'), sites.dns.key.secret)
  })

  it('plans the failover on a Temporal that it starts there', async () => {
    const plan = await succeeds<MoveResult['plan']>('failover', 'shop', '--offline', '--plan', ...ports)
    up = await upHere(dr)
    assert.deepEqual([up?.host, up?.site], ['beta', 'dr'])
    assert.equal(plan.decision.system, 'shop')
    assert.equal((await sites.state()).site?.site, 'primary', 'nothing has moved')
  })

  it('fails over with the same workflow, once two people say that the first site serves nobody', async () => {
    const plan = await succeeds<MoveResult['plan']>('failover', 'shop', '--offline', '--plan', ...ports)
    const run = muster('failover', 'shop', '--offline', '--yes', `${plan.decisionHash}@${plan.decision.expiresAt}`, ...ports)
    await waitFor(`the fence to wait for people; ${run.said()}`, async () => run.said().includes('muster fence target/shop') || run.child.exitCode !== null, 90)
    for (const person of ['alice', 'bob']) await succeeds('fence', 'target/shop', '--as', person, '--statement', 'the building has burnt down')
    await waitFor(`the end of the failover; ${run.said()}`, async () => run.child.exitCode !== null || /paused|not protected/.test(run.said()), 120)
    assert.equal(run.child.exitCode, 0, run.said())

    const { base } = sites.installation
    assert.deepEqual(await sites.awaySql('select max(n) as n, count(*)::int as all from markers'), [{ n: 11, all: 11 }])
    assert.equal(await readFile(join(base, 'uploads-there', 'logo.txt'), 'utf8'), 'first')
    assert.equal(await sites.away.serviceState(), 'running')
    assert.deepEqual(await sites.dns.held(`app.${sites.dns.zone}`, 'A'), [`app.${sites.dns.zone} 60 IN A ${addresses.dr}`])
    const state = await sites.state()
    assert.deepEqual([state.site?.site, state.site?.controlIncarnation, state.fences.map(({ proof }) => proof.by)], ['dr', 2, ['people']])
  })

  it('goes on there: schedules of the site, backups, and WAL that is stored', async () => {
    await waitFor('the schedules of the site', async () =>
      onTheNewTemporal(async (client) => {
        const found = []
        for await (const { scheduleId } of client.schedule.list()) found.push((await client.schedule.getHandle(scheduleId).describe()).action.memo?.['site'])
        return found.length >= 2 && found.every((site) => site === 'dr')
      }),
    )
    await succeeds('backup', 'shop')
    await sites.awaySql('insert into markers values (12)')
    await succeeds('archive-wal', 'shop')
    // Not 0: the agent of the first site, and the store there, are gone.
    const { stdout } = await muster('--json', 'status').ended
    const { systems, kits } = JSON.parse(stdout) as { systems: { word: string; reasons: object[] }[]; kits: { lacks: object[]; stores: string[] }[] }
    assert.deepEqual([systems[0]?.word, systems[0]?.reasons], ['protected', []])
    assert.deepEqual([kits[0]?.lacks, kits[0]?.stores], [[], ['offsite']])
  })

  it('is left alone by the old orchestrator when that comes back', async () => {
    const { base, alpha } = sites.installation
    await cp(join(base, 'lost'), join(base, 'alpha'), { recursive: true, force: true })
    await stat(join(alpha.keys, keyFiles.control))
    await sites.home.startAgent({ workflows: true })
    const refused = (type: string, id: string, input: object) =>
      assert.rejects(
        env.client.workflow.execute(type, {
          taskQueue: 'muster',
          workflowId: id,
          args: [{ system: 'shop', requestedBy: 'alice', ...input }],
          memo: { site: 'primary' },
        }),
        (error: Error) => /is active at site "dr"/.test(String((error.cause as Error).message)),
        type,
      )
    await refused('backupSystem', 'old-backup', {})
    await refused('archiveWal', 'old-wal', {})
    await refused('restoreSystem', 'target/shop', {})
    assert.deepEqual(await sites.awaySql('select max(n) as n from markers'), [{ n: 12 }])
  })

  it('survives the end of muster up, and starts again with the same runs', async () => {
    await endUp(up ?? assert.fail('muster up does not run'))
    assert.deepEqual(await sites.awaySql('select max(n) as n from markers'), [{ n: 12 }], 'the database does not hang on it')
    const again = muster('up', ...ports)
    await waitFor(`muster up again; ${again.said()}`, async () => (await upHere(dr)) !== null, 90)
    up = await upHere(dr)
    await onTheNewTemporal(async (client) => {
      assert.equal((await client.workflow.getHandle('target/shop').describe()).status.name, 'COMPLETED')
    })
  })
})
