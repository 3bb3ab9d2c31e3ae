/** `--offline` at a site with more than one host: the others are told what to type, and with it the failover comes to its end there. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { failures } from '../../domain/failures.ts'
import { createAgent } from '../../wiring/agent.ts'
import { makeKeys } from '../../wiring/keys.ts'
import { openRepository } from '../../wiring/open-repository.ts'
import { ownCommand } from '../../wiring/own-command.ts'
import { keyFiles, type Places } from '../../wiring/places.ts'
import { pinnedFingerprint } from '../../wiring/trust.ts'
import { upHere } from '../../wiring/up-here.ts'
import { createWorkers, runWorkers } from '../../workers/worker.ts'
import { createInstallation, type Installation } from '../support/installation.ts'
import { freePort } from '../support/postgres-cluster.ts'
import { startTemporal, waitFor, workflowBundle } from '../support/rig.ts'

describe('--offline at a site with two hosts', function () {
  this.timeout(180_000)
  let installation: Installation
  let beta: Places
  let gamma: Places
  let ports: readonly string[]
  const started: ChildProcess[] = []

  before(async () => {
    installation = await createInstallation()
    const { base, alpha } = installation
    await makeKeys(alpha, 'alpha', 'beta', 'gamma')
    await copyFile(join(alpha.keys, keyFiles.identity), join(base, 'identity.txt'))
    await mkdir(join(base, 'there'))
    for (const tree of ['uploads', 'letters']) {
      await mkdir(join(base, tree))
      await writeFile(join(base, tree, 'one.txt'), `first of ${tree}`)
    }
    await installation.apply(yaml(base))
    await backUp()
    beta = await opened('beta')
    gamma = await opened('gamma')
    ports = ['--port', String(await freePort()), '--ui-port', String(await freePort())]
    await rename(join(base, 'alpha'), join(base, 'lost'))
  })
  after(async () => {
    for (const one of started) one.kill('SIGKILL')
    await endUp()
    await installation?.remove()
  })

  async function endUp(): Promise<void> {
    const up = beta && (await upHere(beta))
    if (!up) return
    process.kill(up.pid, 'SIGTERM')
    await waitFor('the end of muster up', async () => (await upHere(beta)) === null, 60)
  }

  /** While the first site is there: with a Temporal that is gone afterwards. */
  async function backUp(): Promise<void> {
    const env = await startTemporal()
    const stop = new AbortController()
    const agent = await createAgent({ places: installation.alpha, host: 'alpha', site: 'primary', temporal: env.client })
    const roles = { workflows: true, site: true, host: true }
    const workers = await createWorkers({
      connection: env.nativeConnection,
      namespace: env.namespace ?? 'default',
      agent,
      roles,
      bundle: await workflowBundle(),
    })
    const done = runWorkers(workers, stop.signal)
    try {
      await env.client.workflow.execute('backupSystem', { taskQueue: 'muster', workflowId: 'backup/shop', args: [{ system: 'shop' }] })
    } finally {
      stop.abort()
      await done
      await env.teardown()
    }
  }

  async function opened(host: string): Promise<Places> {
    const { base, alpha } = installation
    const places = { configFile: join(base, `dr-${host}`, 'muster.yaml'), home: join(base, `dr-${host}`, 'home'), keys: join(base, `dr-${host}`, 'keys') }
    await openRepository(places, {
      store: join(base, 'stores', 'offsite'),
      rootFingerprint: await pinnedFingerprint(alpha),
      identityFile: join(alpha.keys, keyFiles.identity),
      host,
      withoutKit: false,
      acceptOlder: false,
      dryRun: false,
      onProgress: () => undefined,
    })
    return places
  }

  function muster({ configFile, home, keys }: Places, words: readonly string[], more: Readonly<Record<string, string>> = {}) {
    const [program, ...first] = ownCommand()
    const { TEMPORAL_ADDRESS: _, ...own } = process.env
    const child = spawn(program, [...first, '--config', configFile, ...words], {
      env: { ...own, MUSTER_HOME: home, MUSTER_KEYS: keys, MUSTER_USER: 'alice', ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    started.push(child)
    const said = { out: '', err: '' }
    child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()))
    const ended = new Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>((resolve) =>
      child.once('close', (code) => resolve({ code, ...said })),
    )
    return { child, said: () => said.out + said.err, ended }
  }

  const failover = (...words: readonly string[]) => muster(beta, ['failover', 'shop', '--offline', ...ports, ...words])

  it('warns where the new Temporal listens on loopback only, and ends in AgentAbsent', async () => {
    const { code, err, out } = await failover('--plan', '--json').ended
    assert.equal(code, failures.AgentAbsent.exitCode, out + err)
    const pid = (await upHere(beta))?.pid
    assert.match(
      err,
      new RegExp(`^warning: this Temporal listens on 127\\.0\\.0\\.1 only: gamma at site dr cannot reach it.*kill ${pid}\\).*--listen 0\\.0\\.0\\.0`, 'm'),
    )
    await endUp()
  })

  it('says what to type on the other host, and moves the system once it was typed there', async () => {
    const first = await failover('--plan', '--listen', '0.0.0.0').ended
    assert.equal(first.code, failures.AgentAbsent.exitCode, first.out + first.err)
    assert.doesNotMatch(first.err, /listens on/)
    const line = /on gamma: {2}TEMPORAL_ADDRESS=(\S+) muster (worker --host gamma --site dr)$/m.exec(first.err) ?? assert.fail(first.err)
    assert.doesNotMatch(line[1] ?? '', /^127\./)
    const worker = muster(gamma, (line[2] ?? '').split(' '), { TEMPORAL_ADDRESS: line[1] ?? '' })
    let planned = await failover('--plan', '--json').ended
    // A worker takes a moment to start.
    for (let tries = 0; planned.code === failures.AgentAbsent.exitCode && tries < 10; tries++) planned = await failover('--plan', '--json').ended
    assert.equal(planned.code, 0, `${planned.out}${planned.err}${worker.said()}`)
    const { decisionHash, decision } = JSON.parse(planned.out) as { decisionHash: string; decision: { expiresAt: string } }
    const run = failover('--yes', `${decisionHash}@${decision.expiresAt}`)
    assert.equal((await run.ended).code, 0, run.said())
    const { base } = installation
    assert.equal(await readFile(join(base, 'there', 'uploads', 'one.txt'), 'utf8'), 'first of uploads')
    assert.equal(await readFile(join(base, 'there', 'letters', 'one.txt'), 'utf8'), 'first of letters', 'which stands on the other host')
  })
})

function yaml(base: string): string {
  return `
organisation: Test
sites: { primary: { hosts: [alpha] }, dr: { hosts: [beta, gamma] } }
stores: { offsite: { type: directory, path: ${base}/stores/offsite, hosts: [alpha, beta, gamma], site: dr, host: beta } }
encryption: { identity: "file:${base}/identity.txt", restoreHosts: [alpha, beta, gamma] }
limits: { agent: 5s, heartbeat: 10s }
systems:
  shop:
    components:
      uploads: { type: files, host: alpha, paths: [${base}/uploads] }
      letters: { type: files, host: alpha, paths: [${base}/letters] }
    restore: { commitAfter: 0 }
    failover:
      to: dr
      components:
        uploads: { host: beta, paths: [${base}/there/uploads] }
        letters: { host: gamma, paths: [${base}/there/letters] }
`
}
