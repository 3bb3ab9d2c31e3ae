import assert from 'node:assert/strict'
import { chmod, mkdir, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { runTool } from '../../adapters/process/run-tool.ts'
import { explain, type ToldFailure } from '../../clients/cli/output.ts'
import type { RestoreResult } from '../../workflows/messages.ts'
import { databaseConfig } from '../support/database-config.ts'
import { createCluster, type TestCluster } from '../support/postgres-cluster.ts'
import { createRig, type Rig, startTemporal } from '../support/rig.ts'

describe('a plan, where the host could not restore what it names', function () {
  this.timeout(120_000)
  let env: TestWorkflowEnvironment
  let cluster: TestCluster
  let rig: Rig
  let runs = 0

  before(async () => {
    env = await startTemporal()
    cluster = await createCluster()
    rig = await createRig({ env, yaml: (base) => yamlFor(base, cluster), prepare: (base) => prepare(base, cluster) })
    await backUp()
  })

  after(async () => {
    await rig?.stop()
    await cluster?.destroy()
    await env?.teardown()
  })

  const run = <R>(type: string, input: object): Promise<R> =>
    env.client.workflow.execute(type, { taskQueue: 'muster', workflowId: `${type}/${runs++}`, args: [{ system: 'shop', ...input }] })
  const backUp = () => run('backupSystem', {})
  const plan = async (input: object = {}) => (await run<RestoreResult>('restoreSystem', { planOnly: true, ...input })).plan

  async function refused(input: object = {}): Promise<ToldFailure> {
    return explain(
      await plan(input).then(
        () => assert.fail('it was not refused'),
        (error: unknown) => error,
      ),
    )
  }

  it('warns of nothing on the machine where the backup was made', async () => {
    assert.deepEqual((await plan()).forecast.warnings, [])
  })

  for (const name of ['pg_verifybackup', 'pg_waldump'])
    it(`is refused before anything is stopped where ${name} is missing, and says what to install`, async () => {
      const program = join(rig.base, 'bin', name)
      await rename(program, `${program}.away`)
      try {
        const { type, message } = await refused()
        assert.equal(type, 'PreconditionFailed')
        assert.match(message, new RegExp(`shop/database is of PostgreSQL \\d+.*, which host localhost cannot restore: ${name} was not found`))
        assert.match(message, /; install the PostgreSQL \d+ programs, or set binDirectory to where they are$/)
      } finally {
        await rename(`${program}.away`, program)
      }
      await plan()
    })

  for (const component of ['database', 'uploads'])
    it(`is refused where the identity does not open the backup of ${component}, naming it; a lent one is tried in its place`, async () => {
      const identity = join(rig.base, 'keys', 'identity.txt')
      const carried = join(rig.base, 'carried.txt')
      const into = { components: [component], into: { directory: join(rig.base, 'beside') } }
      await rename(identity, carried)
      try {
        const gone = await refused(into)
        assert.deepEqual([gone.type, gone.exitCode], ['IdentityMissing', 11])
        assert.ok(gone.message.startsWith(`host localhost cannot open backup `) && gone.message.includes(` of shop/${component}: `), gone.message)
        assert.ok(
          `${gone.message}; ${gone.hint}`.includes(`the age identity ${identity} cannot be read on this host; put an age identity of one of the recipients`),
          gone.hint,
        )
        assert.deepEqual((await plan({ ...into, identityFile: carried })).forecast.warnings, [])
        await runTool('age-keygen', ['-o', identity])
        const other = await refused(into)
        assert.equal(other.type, 'IdentityMissing')
        assert.ok(other.message.includes(`no identity in ${identity} matched any of the recipients`), other.message)
        await rm(identity)
      } finally {
        await rename(carried, identity)
      }
      assert.deepEqual((await plan(into)).forecast.warnings, [])
    })

  it('is made, and says that nobody could try, where the object that the identity is tried with is damaged', async () => {
    const folder = join(rig.base, 'stores', 'local', 'backups', 'shop', 'uploads')
    const paths = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.age')).map((name) => join(folder, name))
    const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size))
    const path = paths[sizes.indexOf(Math.min(...sizes))] ?? assert.fail('the backup has no object')
    const bytes = await readFile(path)
    await chmod(path, 0o600)
    await writeFile(path, Buffer.alloc(bytes.length, 'x'))
    try {
      const { warnings } = (await plan({ components: ['uploads'], into: { directory: join(rig.base, 'beside') } })).forecast
      assert.equal(warnings.length, 1, warnings.join('\n'))
      assert.match(warnings[0] ?? '', /^whether the identity opens backup \S+ could not be tried: object \S+ fails its hash|age refused them/)
    } finally {
      await writeFile(path, bytes)
    }
  })

  it('warns where glibc or ICU is another than where the backup was made, and says what cannot be known', async () => {
    const path = process.env['PATH'] ?? ''
    process.env['PATH'] = `${join(rig.base, 'other-libraries')}:${path}`
    try {
      await backUp()
    } finally {
      process.env['PATH'] = path
    }
    const { warnings } = (await plan()).forecast
    assert.equal(warnings.length, 1, warnings.join('\n'))
    assert.match(
      warnings[0] ?? '',
      /^database: its backup was made with glibc 2\.19, and host localhost has \d+\.\d+; with ICU 48, and host localhost has \d+: /,
    )
    assert.match(warnings[0] ?? '', /cannot be known before they are restored: reindex them .* REFRESH COLLATION VERSION$/)
    await backUp()
    assert.deepEqual((await plan()).forecast.warnings, [])
  })
})

/** The programs of the server as links, so that one can be missing; and what tells libraries, of an older machine. */
async function prepare(base: string, { config }: TestCluster): Promise<void> {
  const programs = config.binDirectory ?? assert.fail('the cluster has no programs')
  await mkdir(join(base, 'bin'))
  for (const name of await readdir(programs)) await symlink(join(programs, name), join(base, 'bin', name))
  await mkdir(join(base, 'uploads'))
  await writeFile(join(base, 'uploads', 'logo.txt'), 'first')
  await mkdir(join(base, 'other-libraries'))
  const tell = (name: string, text: string) => writeFile(join(base, 'other-libraries', name), `#!/bin/sh\necho '${text}'\n`, { mode: 0o755 })
  await tell('getconf', 'glibc 2.19')
  await tell('ldd', 'libicui18n.so.48 => /usr/lib/libicui18n.so.48 (0x00007f6a22200000)')
}

function yamlFor(base: string, cluster: TestCluster): string {
  return `
organisation: Test
stores:
  local: { type: directory, path: ${base}/stores/local }
encryption: { identity: "file:${base}/keys/identity.txt" }
systems:
  shop:
    components:
      database:
        ${databaseConfig(cluster).replace(/binDirectory: .*/, `binDirectory: ${base}/bin`)}
      uploads: { type: files, paths: [${base}/uploads] }
`
}
