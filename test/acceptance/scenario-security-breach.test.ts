import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { scramVerifier } from '../../adapters/component/postgresql/role-password.ts'
import { createSecretResolver } from '../../adapters/secret/resolver.ts'
import type { Evidence } from '../../domain/evidence.ts'
import { failures } from '../../domain/failures.ts'
import { manifestKey } from '../../domain/object-keys.ts'
import type { FilesManifest } from '../../domain/repository-format.ts'
import { openDocument } from '../../repository/signed-document.ts'
import { treeEntries } from '../../wiring/tree-entries.ts'
import { addresses } from '../support/dns-rig.ts'
import { startTemporal, waitFor } from '../support/rig.ts'
import { createTwoSites, type TwoSites } from '../support/two-sites.ts'
import { type Muster, typedMuster } from '../support/typed-muster.ts'

const backdoor = '#!/bin/sh\nnc -l 4444 -e /bin/sh\n'

describe('scenario security-breach: somebody else may have ruled the host', function () {
  this.timeout(300_000)
  let env: TestWorkflowEnvironment
  let sites: TwoSites
  let muster: Muster
  /** When it is noticed that somebody is there; by then a program of theirs is in a backup already. */
  let since: string

  const base = () => sites.installation.base
  const phaseOf = async (id: string) =>
    (
      await env.client.workflow
        .getHandle(id)
        .describe()
        .catch(() => null)
    )?.memo?.['phase']
  const planOf = async (id: string) => String((await env.client.workflow.getHandle(id).describe()).memo?.['plan'])
  const approve = async (id: string) => {
    await waitFor(`${id} to wait for approval`, async () => (await phaseOf(id)) === 'waiting for approval', 120)
    await muster.good('approve', (await planOf(id)).slice(0, 12), '--as', 'bob')
  }
  const guardAtHome = () => typedMuster(sites.installation.alpha, env.client).run('guard', 'shop', '--host', 'alpha')
  const backups = async (component: string) => {
    const { components } = JSON.parse(await muster.good('list', 'shop', '--json'))
    const found = components.find((one: { component: string }) => one.component === component)
    return found.backups.filter(({ state }: { state: string }) => state === 'valid').map(({ endedAt }: { endedAt: string }) => endedAt) as string[]
  }

  before(async () => {
    env = await startTemporal()
    sites = await createTwoSites(env, {
      limits: '{ agent: 30s, heartbeat: 30s }',
      failover: (at) => [`fence: { command: [${at}/cut, off], proof: [${at}/cut, is-off] }`],
      system: breachYaml,
    })
    await prepareCommands(base(), sites.cluster.config.binDirectory ?? '')
    muster = typedMuster(sites.installation.beta, env.client, { user: 'carol' })
    await sites.cluster.sql(`insert into markers select generate_series(1, 10); create role shop login password 'old'; create role report login password 'old'`)
    await muster.good('backup', 'shop')
    await mkdir(join(base(), 'uploads', 'bin'), { recursive: true })
    await writeFile(join(base(), 'uploads', 'bin', 'update'), backdoor, { mode: 0o755 })
    await sites.cluster.sql('insert into markers values (11)')
    await muster.good('backup', 'shop')
    await sites.cluster.sql('insert into markers values (12)')
    await muster.good('archive-wal', 'shop')
    await sleep(50)
    since = new Date().toISOString()
    await sleep(50)
    await sites.cluster.sql(`create role support superuser login password 'in'; insert into markers values (666)`)
    await muster.good('backup', 'shop')
  })
  after(async () => {
    muster?.stop()
    await sites?.stop()
    await env?.teardown()
  })

  it('takes the system out of service before it looks for anything, and a person with the control key alone takes that back', async () => {
    const early = '2001-01-01T00:00:00.000Z'
    const all = await backups('database')
    const typing = muster.start('scenario', 'security-breach', 'shop', '--at', early, '--suspect', 'alpha', '--yes')
    await approve('target/shop')
    const { exitCode, stderr } = await typing.ended
    assert.equal(exitCode, failures.BackupNotFound.exitCode, stderr)
    assert.match(stderr, /nothing of shop from before .* stays isolated: nothing is served/s)
    assert.equal(await sites.home.serviceState(), 'stopped')
    await assert.rejects(sites.cluster.sql('select 1'))
    assert.deepEqual(await backups('database'), [], 'all of them are younger')
    const guarded = await guardAtHome()
    assert.equal(guarded.exitCode, failures.NotActiveSite.exitCode)
    assert.match(guarded.stderr, /host "alpha" is under suspicion since 2001/)
    const lift = /--lift (\S+)/.exec(stderr)?.[1] as string
    const atHome = typedMuster(sites.installation.alpha, env.client)
    const restored = await atHome.run('restore', 'shop', '--dry-run')
    assert.equal(restored.exitCode, failures.WrongTarget.exitCode, restored.stderr)
    assert.match(restored.stderr, /host "alpha" is under suspicion since 2001.*shop is not restored to it/s)
    assert.match((await atHome.run('runbook', 'shop', 'database')).stderr, /does not count: .* key of alpha, which is under suspicion/s)
    assert.match((await atHome.run('scenario', 'security-breach', 'shop', '--lift', lift)).stderr, /--reason/)
    await atHome.good('scenario', 'security-breach', 'shop', '--lift', lift, '--reason', 'it was the auditors')
    assert.equal((await guardAtHome()).exitCode, 0)
    assert.deepEqual(await backups('database'), all)
    await sites.cluster.start()
    await writeFile(join(base(), 'service-home.running'), 'running')
  })

  it('is planned with what would be isolated, and refused where it would be restored to a suspected host', async () => {
    const plan = JSON.parse(await muster.good('scenario', 'security-breach', 'shop', '--at', since, '--suspect', 'alpha', '--plan', '--json'))
    assert.deepEqual(
      plan.steps.map(({ id }: { id: string }) => id),
      ['respond', 'prove'],
    )
    const refused = await muster.run('scenario', 'security-breach', 'shop', '--at', since, '--suspect', 'alpha', 'beta', '--yes')
    assert.equal(refused.exitCode, failures.WrongTarget.exitCode)
    assert.match(refused.stderr, /host "beta" of site dr, which is under suspicion itself/)
    assert.equal(await sites.home.serviceState(), 'running', 'nothing was isolated')
  })

  it('goes back to a point before the intrusion that no scanner objects to, changes what was known, and opens after the review', async () => {
    const typing = muster.start('scenario', 'security-breach', 'shop', '--at', since, '--suspect', 'alpha', '--yes', '--json')
    await approve('target/shop')
    await approve('target/shop/recover')
    await waitFor('the review', async () => (await phaseOf('target/shop/recover')) === 'paused: review before opening', 150)
    assert.equal(await sites.home.serviceState(), 'stopped')
    assert.equal(await sites.away.serviceState(), 'stopped', 'not before the review')
    assert.deepEqual(await sites.dns.held(`app.${sites.dns.zone}`, 'A'), [`app.${sites.dns.zone} 60 IN A ${addresses.primary}`])
    const { problem } = (await env.client.workflow.getHandle('target/shop/recover').query('paused')) as { problem: string }
    for (const line of [
      /added: role database: support/,
      /added: binary uploads: "bin\/update"/,
      /still have the password that the data knew: muster, report/,
      /who logged in/,
    ])
      assert.match(problem, line)
    await muster.good('resume', 'target/shop/recover', '--reason', 'looked through with the auditors')
    const { exitCode, stdout, stderr } = await typing.ended
    assert.equal(exitCode, 0, stderr)
    assert.deepEqual(
      JSON.parse(stdout).steps.map(({ id, outcome }: { id: string; outcome: string }) => [id, outcome]),
      [
        ['respond', 'succeeded'],
        ['prove', 'succeeded'],
      ],
    )
    assert.deepEqual(await sites.awaySql('select max(n) as n, count(*)::int as all from markers'), [{ n: 10, all: 10 }], 'the second backup has their program')
    assert.deepEqual(await sites.awaySql(`select rolname from pg_roles where rolname = 'support'`), [])
    assert.equal(await readFile(join(base(), 'uploads-there', 'logo.txt'), 'utf8'), 'first')
    await assert.rejects(readFile(join(base(), 'uploads-there', 'bin', 'update')))
    assert.equal(await sites.away.serviceState(), 'running')
    assert.deepEqual(await sites.dns.held(`app.${sites.dns.zone}`, 'A'), [`app.${sites.dns.zone} 60 IN A ${addresses.dr}`])
  })

  it('has given the role its new password, and run each rotation once', async () => {
    const [row] = await sites.awaySql<{ rolpassword: string }>(`select rolpassword from pg_authid where rolname = 'shop'`)
    const salt = /^SCRAM-SHA-256\$\d+:([^$]+)\$/.exec(row?.rolpassword ?? '')?.[1] as string
    assert.equal(row?.rolpassword, scramVerifier('quite-another', Buffer.from(salt, 'base64')))
    assert.equal(await readFile(join(base(), 'rotated'), 'utf8'), 'session-key\n')
  })

  it('keeps what the host looked like, each file with its hash, and no backup that it signed since', async () => {
    const { config } = await sites.away.agent.config(null)
    const store = await sites.away.agent.store(config, 'offsite')
    const verifier = await sites.away.agent.verifier(config)
    const manifests: FilesManifest[] = []
    for await (const { key } of store.list('backups/shop/')) {
      if (key.includes('/forensic-') && key.endsWith('/manifest.json'))
        manifests.push(openDocument<FilesManifest>(verifier, 'manifest', await store.readBytes(key), key).value)
    }
    const kept = async (component: string) => {
      const manifest = manifests.filter((one) => one.component === component).at(-1)
      assert.ok(manifest, `${component} among ${manifests.map((one) => one.component).join(', ')}`)
      assert.equal(manifest.kind, 'forensic')
      assert.ok(await store.stat(manifestKey('shop', component, manifest.backup)))
      const entries = new Map<string, string | null>()
      for await (const entry of treeEntries(config, createSecretResolver(), manifest, 'offsite', null))
        entries.set(`${entry.root}/${entry.path}`, entry.type === 'file' ? entry.sha256 : null)
      return entries
    }
    const uploads = await kept('forensic-uploads')
    assert.equal(uploads.get('0/bin/update'), createHash('sha256').update(backdoor).digest('hex'))
    assert.ok(uploads.has('1/01.txt'), 'the output of what was collected')
    assert.ok((await kept('forensic-database')).has('0/PG_VERSION'))
    const young = (await backups('uploads')).filter((endedAt) => endedAt > since)
    assert.equal(young.length, 1, 'that of the new site alone')
  })

  it('leaves evidence of its own, and the old host does not serve again', async () => {
    const { config } = await sites.away.agent.config(null)
    const store = await sites.away.agent.store(config, 'offsite')
    const verifier = await sites.away.agent.verifier(config)
    const found: Evidence[] = []
    for await (const { key } of store.list('evidence/shop/')) {
      if (/-respondToBreach-[^/]*\.json$/.test(key)) found.push(openDocument<Evidence>(verifier, 'evidence', await store.readBytes(key), key).value)
    }
    assert.deepEqual(
      found.map(({ outcome }) => outcome),
      ['failed', 'succeeded'],
    )
    const last = found.at(-1) as Evidence
    assert.match(last.reviewDue ?? '', /alpha are under suspicion/)
    assert.equal(last.move?.fence?.by, 'command')
    assert.deepEqual(
      last.checks.map(({ ok }) => ok),
      [true, false, false, true],
      'the newest is only looked at; two have their program',
    )
    assert.ok(last.deviations.some((line) => /forensic copy of database: offsite/.test(line)))
    const { exitCode, stderr } = await guardAtHome()
    assert.equal(exitCode, failures.NotActiveSite.exitCode)
    assert.match(stderr, /active at site "dr"/)
    const back = await muster.run('scenario', 'security-breach', 'shop', '--at', since, '--suspect', 'beta', '--yes')
    assert.equal(back.exitCode, failures.WrongTarget.exitCode, back.stderr)
    assert.match(back.stderr, /host "alpha" of site primary, which is under suspicion itself/)
  })
})

const breachYaml = (at: string) => `
    breach:
      isolate: [{ name: firewall, command: [${at}/cut, off], proof: [${at}/cut, is-off] }]
      collect: [[/bin/echo, "what runs here"]]
      scanners: [{ name: nc, command: [${at}/scan] }]
      rotate:
        roles: [{ component: database, role: shop, password: "file:${at}/shop-password" }]
        commands: [{ name: session-key, command: [${at}/rotate] }]
      review: [who logged in]`

/** What the owner of the system has: a switch, a scanner, a rotation. */
async function prepareCommands(base: string, bin: string): Promise<void> {
  const script = (name: string, text: string) => writeFile(join(base, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  await writeFile(join(base, 'shop-password'), 'quite-another\n', { mode: 0o600 })
  await script('cut', `case "$1" in\noff) touch '${base}/is-cut' ;;\nis-off) test -f '${base}/is-cut' ;;\nesac`)
  await script(
    'scan',
    `if grep -rl 'nc -l' "$MUSTER_DRILL_UPLOADS" >&2; then exit 3; fi\n'${bin}/psql' -XAtc "select 1 / (count(*) = 0)::int from pg_roles where rolname = 'support'" > /dev/null`,
  )
  await script('rotate', `echo session-key >> '${base}/rotated'`)
}
