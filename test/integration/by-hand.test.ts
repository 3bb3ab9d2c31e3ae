/**
 * Nothing of Muster is needed to restore: the commands of docs/repository-format.md, taken from the page as they
 * stand there, bring a real backup back with standard tools alone.
 */
import assert from 'node:assert/strict'
import { chmod, chown, cp, link, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestWorkflowEnvironment } from '@temporalio/testing'
import { lookUpUser } from '../../adapters/process/operating-system-user.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import { runbookCommands } from '../../domain/runbook-commands.ts'
import type { BackupSystemResult } from '../../workflows/backup-system.ts'
import { askPostgres } from '../support/ask-postgres.ts'
import { clusterUser, createCluster, type TestCluster } from '../support/postgres-cluster.ts'
import { createRig, type Rig, startTemporal } from '../support/rig.ts'

const page = join(import.meta.dirname, '..', '..', 'docs', 'repository-format.md')

/** What a machine has by itself: a folder of links, since Node may be installed among them. */
let standardPath = ''
/** Not needed, so not there. */
const ours = /^(node|nodejs|npm|npx|corepack|temporal.*|muster.*)$/

describe('restore by hand, with the commands of docs/repository-format.md', function () {
  this.timeout(180_000)
  let env: TestWorkflowEnvironment
  let cluster: TestCluster
  let rig: Rig
  let blocks: ReadonlyMap<string, string>
  let backups: { readonly database: string; readonly uploads: string }
  let target: string
  let fingerprint: string
  const rooms: string[] = []

  before(async () => {
    blocks = await blocksOf(page)
    standardPath = await programsWithoutOurs()
    await needPrograms('jq', 'age', 'zstd', 'tar', 'ssh-keygen', 'sha256sum')
    env = await startTemporal()
    cluster = await createCluster({ tablespace: true })
    await cluster.sql('create table markers (n int primary key); create table aside_markers (n int) tablespace side')
    rig = await createRig({ env, yaml: (base) => yamlFor(base, cluster), prepare: makeTrees })
    fingerprint = (await readFile(join(rig.places.keys, 'root.fingerprint'), 'utf8')).trim()
    await cluster.sql('insert into markers select generate_series(1, 10); insert into aside_markers select generate_series(1, 10)')
    const done = await run<BackupSystemResult>('backupSystem', { system: 'shop' })
    const backupOf = (component: string) => `backups/shop/${component}/${done.components.find((one) => one.component === component)?.backup}`
    backups = { database: backupOf('database'), uploads: backupOf('uploads') }
    await cluster.sql('insert into markers select generate_series(11, 20); insert into aside_markers select generate_series(11, 20)')
    await run('archiveWal', { system: 'shop' })
    await cluster.sql('insert into markers values (21)')
    target = await now()
    await cluster.sql('insert into markers values (99)')
    await run('archiveWal', { system: 'shop' })
    // What it puts into the store from now on would come and go under those who copy the store.
    await rig.stopShipper()
    // Both ways of rebuilding a segment must be tried.
    assert.ok(
      (await walIndexes()).some((name) => name.includes('.partial.')),
      'no partial segment was shipped',
    )
    assert.ok(
      (await walIndexes()).some((name) => name.includes('.segment.')),
      'no whole segment was shipped',
    )
  })

  afterEach(async () => {
    for (const room of rooms.splice(0)) {
      await cluster.kill(room)
      await rm(room, { recursive: true, force: true })
    }
  })

  after(async () => {
    await rig?.stop()
    await cluster?.destroy()
    await env?.teardown()
    await rm(standardPath, { recursive: true, force: true })
  })

  it('finds neither Node nor Temporal nor Muster on its PATH', async () => {
    for (const name of ['node', 'npm', 'temporal', 'muster']) {
      const found = await bash(`command -v ${name} || true`, {
        cwd: tmpdir(),
        user: undefined,
        env: { PATH: `${standardPath}:${cluster.config.binDirectory}` },
      })
      assert.equal(found.trim(), '')
    }
  })

  it('runs every marked block of the page', () => {
    // The one about audit records is run by the test of the archive.
    assert.deepEqual([...blocks.keys()].sort(), ['audit', 'base', 'keys', 'manifest', 'recover', 'tree', 'wal'])
  })

  it('is what each backup carries as its own runbook', () => {
    for (const [name, text] of blocks) if (name !== 'audit') assert.equal(runbookCommands[name as keyof typeof runbookCommands], text, name)
  })

  it('is done by the runbook of a backup alone, executed as it stands: a tree, a database to its end, and to a moment', async () => {
    const tree = await makeRoom()
    await literally(tree, backups.uploads, {})
    assert.deepEqual(await listTree(join(tree, 'out', '0')), await listTree(join(rig.base, 'uploads')))
    const whole = await makeRoom(clusterUser)
    await literally(whole, backups.database, {}, clusterUser)
    assert.deepEqual(await query(whole, 'select count(*)::int as n from markers'), [10])
    const moment = await makeRoom(clusterUser)
    await literally(moment, backups.database, { TARGET: target }, clusterUser)
    assert.deepEqual(await query(moment, 'select count(*)::int as n from markers'), [21])
  })

  it('stops at a runbook that was changed, and says nothing that a store may not show', async () => {
    const room = await makeRoom(clusterUser)
    const file = join(room, 'store', backups.database, 'RUNBOOK.md')
    const text = await readFile(file, 'utf8')
    assert.ok(!text.includes('AGE-SECRET-KEY') && !text.includes('PRIVATE KEY') && !text.includes(rig.places.home))
    await chmod(file, 0o600)
    await writeFile(file, text.replace('Run all commands', 'Run  all commands'))
    await assert.rejects(literally(room, backups.database, {}, clusterUser), /FAILED[\s\S]*ended with 1/)
  })

  it('brings trees back with their content, modes, owners, times and links', async () => {
    const room = await makeRoom()
    await byHand(room, ['keys', 'manifest', 'tree'], { BACKUP: backups.uploads })
    for (const [number, path] of ['uploads', 'more'].entries()) {
      const original = await listTree(join(rig.base, path))
      assert.ok(original.length > 2)
      assert.deepEqual(await listTree(join(room, 'out', String(number))), original)
    }
    assert.equal(await readFile(join(room, 'out', '2', 'one.conf'), 'utf8'), 'a single file')
  })

  it('brings a database with a tablespace back to the target: what was committed before it and nothing after it', async () => {
    const room = await makeRoom(clusterUser)
    await byHand(room, ['keys', 'manifest', 'base', 'wal', 'recover'], { BACKUP: backups.database, TARGET: target }, clusterUser)
    assert.deepEqual(
      await query(room, 'select n from markers order by n'),
      Array.from({ length: 21 }, (_, i) => i + 1),
    )
    assert.deepEqual(await query(room, 'select count(*)::int as n from aside_markers'), [20])
  })

  it('stops at a key list, a manifest or a WAL index that was changed', async () => {
    const room = await makeRoom(clusterUser)
    const store = join(room, 'store')
    const changed: readonly (readonly [string, readonly string[], string])[] = [
      ['keys/00000001.json', ['keys'], backups.database],
      [`${backups.database}/manifest.json`, ['keys', 'manifest'], backups.database],
      [join('wal/shop/database', await incarnation(), 'index', (await walIndexes())[0] as string), ['keys', 'manifest', 'wal'], backups.database],
    ]
    for (const [key, names, backup] of changed) {
      await flipByte(join(store, key), 20)
      await assert.rejects(byHand(room, names, { BACKUP: backup }, clusterUser), /ended with [1-9]/, key)
      // Flipped back the same commands pass, so it was the byte that made them fail.
      await flipByte(join(store, key), 20)
      await rm(join(room, 'wal'), { recursive: true, force: true })
      await makeFor(clusterUser, join(room, 'wal'))
      await byHand(room, names, { BACKUP: backup }, clusterUser)
    }
  })

  it('stops at an object that was changed, of a backup and of WAL', async () => {
    const room = await makeRoom()
    const objects = join(room, 'store', backups.uploads, 'objects')
    const [object] = (await readdir(objects)).filter((name) => name.startsWith('tree-'))
    await flipByte(join(objects, object as string), 300)
    await assert.rejects(byHand(room, ['keys', 'manifest'], { BACKUP: backups.uploads }), /FAILED[\s\S]*ended with 1/)
    const wal = join(room, 'store', 'wal/shop/database', await incarnation(), 'objects')
    for (const name of await readdir(wal)) await flipByte(join(wal, name), 300)
    await assert.rejects(byHand(room, ['keys', 'manifest', 'wal'], { BACKUP: backups.database }), /FAILED[\s\S]*ended with 1/)
  })

  it('stops where the fingerprint is not the one that a person holds', async () => {
    const room = await makeRoom()
    const other = `SHA256:${'A'.repeat(43)}`
    await assert.rejects(byHand(room, ['keys'], { BACKUP: backups.uploads, ROOT_FINGERPRINT: other }), /ended with 1/)
  })

  async function run<T>(type: string, input: object): Promise<T> {
    return (await env.client.workflow.execute(type, { taskQueue: 'muster', workflowId: `${type}/${Math.random()}`, args: [input] })) as T
  }

  async function now(): Promise<string> {
    await new Promise((resolve) => setTimeout(resolve, 50))
    const [row] = await cluster.sql<{ now: string }>("select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00' as now")
    await new Promise((resolve) => setTimeout(resolve, 50))
    return (row as { now: string }).now
  }

  async function incarnation(): Promise<string> {
    const [found] = await readdir(join(rig.base, 'store/wal/shop/database'))
    return found as string
  }

  async function walIndexes(): Promise<string[]> {
    return (await readdir(join(rig.base, 'store/wal/shop/database', await incarnation(), 'index'))).sort()
  }

  /** A clean directory with a copy of the store and of the identity, all the restoring person has. */
  async function makeRoom(user?: string): Promise<string> {
    const room = await mkdtemp(join(tmpdir(), 'hand-'))
    rooms.push(room)
    await cp(join(rig.base, 'store'), join(room, 'store'), { recursive: true })
    await cp(join(rig.places.keys, 'identity.txt'), join(room, 'identity.txt'))
    for (const name of ['out', 'wal', 'work']) await mkdir(join(room, name))
    await give(room, user)
    return room
  }

  async function makeFor(user: string | undefined, directory: string): Promise<void> {
    await mkdir(directory)
    await give(directory, user)
  }

  /** Runs blocks of the page, one after the other, as one person would type them. */
  async function byHand(room: string, names: readonly string[], given: Readonly<Record<string, string>>, user?: string): Promise<void> {
    const script = names.map((name) => blocks.get(name)).join('\n')
    const output = await bash(script, {
      cwd: join(room, 'work'),
      user,
      env: {
        PATH: `${standardPath}:${cluster.config.binDirectory}`,
        STORE: join(room, 'store'),
        IDENTITY: join(room, 'identity.txt'),
        OUT: join(room, 'out'),
        WAL: join(room, 'wal'),
        ROOT_FINGERPRINT: fingerprint,
        ...given,
      },
    })
    assert.ok(output.length > 0)
  }

  /** Runs every command of a backup's own runbook, with what the page says a person must have, and nothing else. */
  async function literally(room: string, backup: string, given: Readonly<Record<string, string>>, user?: string): Promise<void> {
    const text = await readFile(join(room, 'store', backup, 'RUNBOOK.md'), 'utf8')
    const script = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]).join('\n')
    await bash(script, {
      cwd: join(room, 'work'),
      user,
      env: {
        PATH: `${standardPath}:${cluster.config.binDirectory}`,
        STORE: join(room, 'store'),
        IDENTITY: join(room, 'identity.txt'),
        OUT: join(room, 'out'),
        ROOT_FINGERPRINT: fingerprint,
        ...given,
      },
    })
  }

  async function query(room: string, sql: string): Promise<number[]> {
    const rows = await askPostgres<{ n: number }>({ host: join(room, 'out'), port: 5432, user: 'postgres', database: 'postgres' }, sql)
    return rows.map(({ n }) => n)
  }
})

async function programsWithoutOurs(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-programs-'))
  await chmod(folder, 0o755)
  for (const name of await readdir('/usr/bin')) if (!ours.test(name)) await symlink(join('/usr/bin', name), join(folder, name))
  return folder
}

async function needPrograms(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const there = await bash(`command -v ${name}`, { cwd: tmpdir(), user: undefined, env: { PATH: standardPath } }).catch(() => null)
    assert.ok(there !== null, `${name} is not installed; the page needs it: apt-get install jq age zstd tar openssh-client coreutils`)
  }
}

/** The sh block behind each `<!-- by-hand: NAME -->`. */
async function blocksOf(file: string): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(file, 'utf8')
  const found = [...text.matchAll(/<!-- by-hand: (\w+) -->\n```sh\n([\s\S]*?)```/g)].map((match) => [match[1], match[2]] as [string, string])
  assert.equal(found.length, text.split('<!-- by-hand:').length - 1, 'a marked block is no sh block')
  return new Map(found)
}

interface Shell {
  readonly cwd: string
  readonly user: string | undefined
  readonly env: Readonly<Record<string, string>>
}

/** @throws Error with the output and the exit code where it is not 0 */
async function bash(script: string, { cwd, user, env }: Shell): Promise<string> {
  const { exitCode, stdout } = await runTool('bash', ['-eu', '-c', `exec 2>&1\n${script}`], {
    cwd,
    env,
    okExitCodes: Array.from({ length: 256 }, (_, code) => code),
    leavesServices: true,
    ...(user !== undefined && { runAs: user }),
  })
  if (exitCode !== 0) throw new Error(`${stdout}\nended with ${exitCode}`)
  return stdout
}

async function give(path: string, user: string | undefined): Promise<void> {
  if (user === undefined) return
  const { userId, groupId } = lookUpUser(user)
  await chown(path, userId, groupId)
  if (!(await lstat(path)).isDirectory()) return
  for (const name of await readdir(path)) await give(join(path, name), user)
}

async function flipByte(path: string, at: number): Promise<void> {
  const bytes = await readFile(path)
  bytes[at] = (bytes[at] as number) ^ 1
  await chmod(path, 0o600)
  await writeFile(path, bytes)
}

async function makeTrees(base: string): Promise<void> {
  const uploads = join(base, 'uploads')
  await mkdir(join(uploads, 'deep', 'er'), { recursive: true })
  await writeFile(join(uploads, 'logo.png'), 'first')
  await writeFile(join(uploads, 'deep', 'a name with spaces\nand a line end'), 'odd')
  await writeFile(Buffer.concat([Buffer.from(`${uploads}/deep/latin-`), Buffer.of(0xe9)]), 'not UTF-8')
  await writeFile(join(uploads, 'deep', 'er', 'secret'), 'closed')
  await chmod(join(uploads, 'deep', 'er', 'secret'), 0o400)
  await chmod(join(uploads, 'deep', 'er'), 0o2750)
  await link(join(uploads, 'logo.png'), join(uploads, 'deep', 'same-logo.png'))
  await symlink('../logo.png', join(uploads, 'deep', 'to-logo'))
  await writeFile(join(uploads, 'sparse'), 'head')
  await truncate(join(uploads, 'sparse'), 3_000_000)
  if (process.geteuid?.() === 0) await chown(join(uploads, 'deep', 'er', 'secret'), 1234, 5678)
  await mkdir(join(base, 'more', 'deep'), { recursive: true })
  await writeFile(join(base, 'more', 'logo.png'), 'another file of the same name')
  await writeFile(join(base, 'more', 'deep', 'x'), 'x')
  await chmod(join(base, 'more'), 0o711)
  await writeFile(join(base, 'one.conf'), 'a single file')
}

interface Listed {
  readonly name: string
  readonly facts: string
  readonly content: string
}

/** Everything below a directory and the directory itself, as a restore must give it back. */
async function listTree(directory: string): Promise<Listed[]> {
  const names = await readdir(directory, { recursive: true, encoding: 'latin1' })
  const found = await Promise.all(
    ['.', ...names.sort()].map(async (name) => {
      const path = name === '.' ? Buffer.from(directory) : Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name, 'latin1')])
      const facts = await lstat(path, { bigint: true })
      const content = facts.isSymbolicLink() ? await readlink(path) : facts.isFile() ? await readFile(path, 'latin1') : ''
      const links = facts.isFile() ? facts.nlink : 0n
      return { name, facts: `${facts.mode.toString(8)} ${facts.uid}:${facts.gid} ${facts.mtimeNs} ${links}`, content }
    }),
  )
  return found
}

function yamlFor(base: string, cluster: TestCluster): string {
  const { connection } = cluster.config
  return `
organisation: Test
stores:
  local: { type: directory, path: ${base}/store }
encryption: { identity: "file:${base}/keys/identity.txt" }
systems:
  shop:
    components:
      database:
        type: postgresql
        dataDirectory: ${cluster.directory}
        connection: { host: ${connection.host}, port: ${connection.port}, user: postgres, database: ${connection.database} }
        binDirectory: ${cluster.config.binDirectory}
        checkpoint: fast
        wal: { shipEvery: 30s }
      uploads: { type: files, paths: [${base}/uploads, ${base}/more, ${base}/one.conf] }
`
}
