import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, copyFile, mkdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import type { Desk } from '../../clients/cli/desk.ts'
import type { Output } from '../../clients/cli/output.ts'
import { showPlan } from '../../clients/cli/restore-view.ts'
import { showTreeFiles } from '../../clients/cli/tree-files.ts'
import type { Evidence } from '../../domain/evidence.ts'
import { noCounts } from '../../domain/shown-difference.ts'
import { openDocument } from '../../repository/signed-document.ts'
import type { MoveResult, RestorePlan, RestoreResult } from '../../workflows/messages.ts'
import { failsWith } from '../support/fails-with.ts'
import { createInstallation, type Installation } from '../support/installation.ts'
import { startTemporal } from '../support/rig.ts'
import { createSite, type Site } from '../support/two-sites.ts'

const rules = `
          here: [etc, "*.env", "*.conf", plugins]
          never: [host.conf, licences, '*.pem', BASE/home/dir.pem, BASE/home/file.pem]
          substitute:
            - { files: ["*.env"], replace: 10.0.1.5, with: 10.0.2.5 }
            - { files: ["*.env"], replace: app.home.example, with: app.dr.example }
            - { files: [missing.ini], replace: one, with: two }
          after: [[touch, set-up], [find, ., -path, ./host.conf, -exec, chmod, '600', '{}', +]]`

describe('a tree with rules, on real parts', function () {
  this.timeout(180_000)
  let env: TestWorkflowEnvironment
  let installation: Installation
  let home: Site
  let away: Site
  const at = (path: string) => join(installation.base, path)
  const text = (path: string) => readFile(at(path), 'utf8')
  const absent = (path: string) =>
    stat(at(path)).then(
      () => false,
      () => true,
    )

  async function put(path: string, content: string): Promise<void> {
    await mkdir(join(at(path), '..'), { recursive: true })
    await writeFile(at(path), content)
  }

  before(async () => {
    env = await startTemporal()
    installation = await createInstallation()
    const { base } = installation
    for (const place of ['home', 'away']) await mkdir(join(base, place))
    await put('home/etc/shop.env', 'listen=10.0.1.5:80 peer=10.0.1.50\nname=app.home.example\n')
    await put('home/etc/host.conf', 'machine one')
    await put('home/one.env', 'ip=10.0.1.5')
    for (const name of ['own.pem', 'none.pem']) await put(`home/${name}`, 'key of machine one')
    await put('home/dir.pem', 'one file here, a directory there')
    await put('home/file.pem/inside', 'a directory here, a link there')
    await put('home/etc/deep/host.conf', 'machine one, deep')
    await put('home/opt/plugins/a.js', 'plugin')
    await put('home/opt/licences/key', 'licence of machine one')
    const yaml = `
organisation: Test
sites: { primary: { hosts: [alpha] }, dr: { hosts: [beta] } }
stores:
  offsite: { type: directory, path: ${base}/stores/offsite, hosts: [alpha, beta], site: dr, host: beta }
encryption: { identity: "file:${base}/alpha/keys/identity.txt", restoreHosts: [alpha, beta] }
limits: { agent: 30s, heartbeat: 30s }
systems:
  shop:
    components:
      app:
        type: files
        host: alpha
        paths: [${base}/home/etc, ${base}/home/opt, ${base}/home/one.env, ${base}/home/own.pem, ${base}/home/none.pem, ${base}/home/dir.pem, ${base}/home/file.pem]
        restore: ${rules.replaceAll('BASE', base)}
    restore: { commitAfter: 0 }
    failover:
      to: dr
      components: { app: { paths: [${base}/away/etc, ${base}/away/opt, ${base}/away/one-there.env, ${base}/away/own.pem, ${base}/away/none.pem, ${base}/away/dir.pem, ${base}/away/file.pem] } }
`
    await installation.apply(yaml)
    await copyFile(installation.alpha.configFile, join(base, 'beta', 'muster.yaml'))
    home = await createSite(env, installation.alpha, 'alpha', 'primary', base, 'home')
    away = await createSite(env, installation.beta, 'beta', 'dr', base, 'away')
    await home.startAgent()
    await away.startAgent()
    await installation.apply(yaml, env.client)
  })
  after(async () => {
    for (const site of [home, away]) await site?.stopAgent()
    await installation?.remove()
    await env?.teardown()
  })

  async function backUp(site: string): Promise<void> {
    const options = { taskQueue: 'muster', workflowId: `backup/${site}/${Date.now()}`, args: [{ system: 'shop' }], memo: { site } }
    await env.client.workflow.execute('backupSystem', options)
  }

  /** The plan alone, then the run that is approved with it. */
  async function planned<R extends MoveResult | RestoreResult>(type: string, site: string, more: object = {}) {
    const common = { taskQueue: 'muster', memo: { site } }
    const input = { system: 'shop', requestedBy: 'alice', ...more }
    const plan = (await env.client.workflow.execute(type, { ...common, workflowId: `plan/${Date.now()}`, args: [{ ...input, planOnly: true }] })) as R
    const { decisionHash, decision } = plan.plan
    const args = [{ ...input, approve: decisionHash, expiresAt: decision.expiresAt }]
    return { plan: plan.plan, run: async () => (await env.client.workflow.execute(type, { ...common, workflowId: 'target/shop', args })) as R }
  }

  /** All of it, as `--plan --files` prints it; the plan, and so the history, has no name of a file. */
  async function whole({ agent }: Site, plan: RestorePlan): Promise<readonly string[]> {
    const [difference] = plan.differences ?? []
    assert.ok(difference)
    assert.equal(difference.problem, null)
    const { config } = await agent.config(null)
    const printed: string[] = []
    const out = { line: (text = '') => printed.push(text) } as unknown as Output
    const desk = { out, store: agent.store, verifier: () => agent.verifier(config), decryption: agent.decryption } as unknown as Desk
    showPlan(out, plan, { type: plan.decision.procedure, input: {}, site: 'primary', uiUrl: '', final: true })
    assert.match(printed.join('\n'), / {2}files {9}app: .*held against backup/)
    const { files } = await showTreeFiles(desk, config, plan, { files: true })
    const lines = files?.[0]?.lines ?? []
    for (const line of lines) assert.ok(printed.includes(`    ${line}`), line)
    assert.ok(!JSON.stringify(plan).includes('shop.env'))
    const raw = await readFile(at(`stores/offsite/${difference.key}`), 'latin1')
    assert.ok(!raw.includes('shop.env'), 'names of files are encrypted in the store')
    return lines
  }

  /** By name: what it is and its content; nothing of times. */
  function seen(place: string): Map<string, string> {
    const found = execFileSync('find', ['-mindepth', '1', '-name', '.muster-*', '-prune', '-o', '-printf', '%P\\t%y%m%U%l\\n'], {
      cwd: at(place),
      encoding: 'utf8',
    })
    const hash = (path: string) => execFileSync('sha256sum', [path], { cwd: at(place), encoding: 'utf8' }).slice(0, 64)
    return new Map(
      found
        .split('\n')
        .filter(Boolean)
        .map((line) => {
          const [path = '', facts = ''] = line.split('\t')
          return [path, facts.startsWith('f') ? facts + hash(path) : facts]
        }),
    )
  }

  const without = 'the file of restore.after'
  /** What the lines promise to be there, gone, other or as before, held against what really is. */
  function assertCameTrue(lines: readonly string[], place: string, before: Map<string, string>, after: Map<string, string>): void {
    const told = new Map(
      lines.map((line) => {
        const [, kind = '', quoted = '', why = ''] = /^(\S+(?: out)?)\s+("(?:[^"\\]|\\.)*")\s*(.*)$/.exec(line) ?? []
        const path = (JSON.parse(quoted) as string).slice(at(place).length + 1).replace(/\/$/, '')
        return [path, why === 'new' ? 'added' : kind]
      }),
    )
    for (const path of new Set([...before.keys(), ...after.keys(), ...told.keys()])) {
      if (path.endsWith('set-up')) continue
      const really = !before.has(path)
        ? after.has(path)
          ? 'added'
          : 'absent'
        : !after.has(path)
          ? 'removed'
          : before.get(path) === after.get(path)
            ? 'as before'
            : 'changed'
      const kind = told.get(path) ?? 'same'
      const allowed: Readonly<Record<string, readonly string[]>> = {
        same: ['as before'],
        kept: ['as before'],
        'left out': ['absent'],
        attributes: ['as before', 'changed'],
        substituted: ['as before', 'changed'],
      }
      assert.ok((allowed[kind] ?? [kind]).includes(really), `${path}: told ${kind}, really ${really} (${without} aside)`)
    }
  }

  it('fails over as the plan said, name by name: identity stays, text is that of the other site', async () => {
    await backUp('primary')
    await put('away/etc/host.conf', 'machine two')
    await chmod(at('away/etc/host.conf'), 0o640)
    await put('away/etc/old.conf', 'of an earlier stay')
    await put('away/own.pem', 'key of machine two')
    await put('away/dir.pem/inside', 'of machine two')
    await symlink('nowhere', at('away/file.pem'))
    await put('away/one-there.env', 'of an earlier stay')
    const { plan, run } = await planned<MoveResult>('failover', 'dr')
    const [tree] = plan.decision.components
    assert.ok(tree?.type === 'files' && tree.rules)
    assert.deepEqual(
      [tree.rules.as, tree.rules.bring, tree.rules.never],
      ['elsewhere', 'all', ['host.conf', 'licences', '*.pem', at('home/dir.pem'), at('home/file.pem')]],
    )
    assert.deepEqual(tree.rules.substitute[0], { files: ['*.env'], replace: '10.0.1.5', with: '10.0.2.5' })
    const lines = await whole(away, plan)
    const counts = plan.differences?.[0]?.counts ?? noCounts
    assert.deepEqual([counts.removed, counts.kept, counts['left out'], counts.substituted], [1, 5, 5, 2], lines.join('\n'))
    const before = seen('away')
    const result = await run()
    assert.equal(result.outcome, 'succeeded')
    assertCameTrue(lines, 'away', before, seen('away'))
    assert.equal(await text('away/etc/shop.env'), 'listen=10.0.2.5:80 peer=10.0.1.50\nname=app.dr.example\n')
    assert.equal(await text('away/etc/host.conf'), 'machine two')
    assert.equal((await stat(at('away/etc/host.conf'))).mode & 0o777, 0o640, 'restore.after changes nothing of what stays')
    assert.deepEqual([await absent('away/etc/deep/host.conf'), await absent('away/opt/licences'), await absent('away/etc/old.conf')], [true, true, true])
    assert.equal(await text('away/opt/plugins/a.js'), 'plugin')
    // Paths that are one file stay one file.
    assert.deepEqual([await text('away/one-there.env'), await text('away/own.pem'), await absent('away/none.pem')], ['ip=10.0.2.5', 'key of machine two', true])
    // Also where the backup has something of another kind.
    assert.deepEqual([await text('away/dir.pem/inside'), await readlink(at('away/file.pem'))], ['of machine two', 'nowhere'])
    assert.deepEqual([await absent('away/etc/set-up'), await absent('home/etc/set-up')], [false, true])
    assert.deepEqual(result.trees?.['app']?.substituted, [
      { files: 2, replaced: 2 },
      { files: 1, replaced: 1 },
      { files: 0, replaced: 0 },
    ])
    const safety = result.safety.find(({ path }) => path.endsWith('/etc'))?.safetyPath ?? ''
    assert.equal(await readFile(join(safety, 'old.conf'), 'utf8'), 'of an earlier stay')
    assert.equal(await readFile(join(safety, 'host.conf'), 'utf8'), 'machine two')
    // As the plan has warned: a path that is nowhere cannot be backed up.
    assert.ok(
      plan.forecast.warnings.includes(`app: ${at('away/none.pem')} is not there, and a rule leaves it out: until somebody makes it, backups there fail`),
    )
    await assert.rejects(env.client.workflow.getHandle(result.backup ?? '').result())
    await rm(at('away/file.pem'))
    for (const name of ['none.pem', 'file.pem']) await put(`away/${name}`, 'made by hand')
    await backUp('dr')
  })

  it('keeps what the rules could not do in the evidence', async () => {
    const key = execFileSync('find', [at('stores/offsite/evidence/shop'), '-name', '*failover*.json'], { encoding: 'utf8' }).trim()
    const { config } = await away.agent.config(null)
    const { value } = openDocument<Evidence>(await away.agent.verifier(config), 'evidence', await readFile(key), key)
    assert.deepEqual(value.deviations, [
      'app: "10.0.1.5" was left 1 times inside longer words of *.env',
      'app: no file is named by missing.ini, so "one" was replaced nowhere',
    ])
    assert.match(await readFile(join(at('away'), '.muster-shop-app', 'journal.jsonl'), 'utf8'), /set aside/)
    assert.ok(await absent('away/.muster-shop-app/aside/originals'))
  })

  it('comes back home with its own text and identity, and what was made at the other site', async () => {
    await put('away/etc/made-there.conf', 'new')
    await put('home/etc/host.conf', 'machine one, changed meanwhile')
    const { plan, run } = await planned<MoveResult>('failback', 'primary')
    const [tree] = plan.decision.components
    assert.ok(tree?.type === 'files')
    assert.equal(tree.backup, 'made after the stop')
    assert.deepEqual(tree.rules?.substitute[0], { files: ['*.env'], replace: '10.0.2.5', with: '10.0.1.5' })
    assert.equal(plan.differences?.[0]?.problem, null)
    const result = await run()
    assert.equal(await text('home/etc/shop.env'), 'listen=10.0.1.5:80 peer=10.0.1.50\nname=app.home.example\n')
    assert.deepEqual([await text('home/etc/host.conf'), await text('home/etc/deep/host.conf')], ['machine one, changed meanwhile', 'machine one, deep'])
    assert.deepEqual(
      [await text('home/one.env'), await text('home/own.pem'), await text('home/none.pem')],
      ['ip=10.0.1.5', ...Array(2).fill('key of machine one')],
    )
    assert.deepEqual([await text('home/dir.pem'), await text('home/file.pem/inside')], ['one file here, a directory there', 'a directory here, a link there'])
    assert.deepEqual([await text('home/opt/licences/key'), await text('home/etc/made-there.conf')], ['licence of machine one', 'new'])
    await env.client.workflow.getHandle(result.backup ?? '').result()
  })

  it('restores in place what `here` names, and leaves the rest as it is', async () => {
    await put('home/etc/shop.env', 'broken')
    await put('home/etc/host.conf', 'broken too')
    await put('home/opt/licences/key', 'renewed')
    await put('home/opt/data', 'not of the backup')
    const { plan, run } = await planned<RestoreResult>('restoreSystem', 'primary', { newerFiles: 'discard' })
    const [tree] = plan.decision.components
    assert.ok(tree?.type === 'files' && tree.rules)
    assert.deepEqual([tree.rules.as, tree.rules.never, tree.rules.substitute], ['here', [], []])
    const lines = await whole(home, plan)
    const before = seen('home')
    const result = await run()
    assertCameTrue(lines, 'home', before, seen('home'))
    assert.deepEqual(await Promise.all(['etc/shop.env', 'etc/host.conf', 'opt/licences/key', 'opt/data'].map((path) => text(`home/${path}`))), [
      'listen=10.0.1.5:80 peer=10.0.1.50\nname=app.home.example\n',
      'machine one, changed meanwhile',
      'renewed',
      'not of the backup',
    ])
    await env.client.workflow.getHandle(result.backup ?? '').result()
  })

  it('shows no names where no age identity is, and says why', async () => {
    await put('home/etc/shop.env', 'broken again')
    const { plan } = await planned<RestoreResult>('restoreSystem', 'primary')
    const { config } = await home.agent.config(null)
    const printed: string[] = []
    const decryption = () => home.agent.decryption(config, at('no-identity'))
    const out = { line: (text = '') => printed.push(text) }
    const desk = { out, store: home.agent.store, verifier: () => home.agent.verifier(config), decryption } as unknown as Desk
    assert.deepEqual(await showTreeFiles(desk, config, plan, {}), {})
    assert.match(printed.join('\n'), /^ {2}which files {3}the age identity .*no-identity cannot be read on this host; /)
    await assert.rejects(showTreeFiles(desk, config, plan, { files: true }), failsWith('IdentityMissing', /no-identity/))
    assert.equal(plan.differences?.[0]?.counts.changed, 1)
  })

  it('restores everything into a directory of its own', async () => {
    await rm(at('copy'), { recursive: true, force: true })
    const args = [{ system: 'shop', requestedBy: 'alice', components: ['app'], into: { directory: at('copy') } }]
    const options = { taskQueue: 'muster', memo: { site: 'primary' }, workflowId: `aside/shop/alpha/1`, args }
    const result = (await env.client.workflow.execute('restoreSystem', options)) as RestoreResult
    const [tree] = result.plan.decision.components
    assert.ok(tree?.type === 'files')
    assert.deepEqual([tree.rules, result.plan.differences, result.trees], [undefined, undefined, undefined])
    assert.equal(await text('copy/1/licences/key'), 'renewed')
  })
})
