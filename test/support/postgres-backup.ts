import { copyFile, open, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { WorkOptions } from '../../adapters/component/component.ts'
import { produceBaseBackup } from '../../adapters/component/postgresql/produce.ts'
import type { PostgresqlManifest } from '../../domain/repository-format.ts'
import { PlainObjects } from './plain-objects.ts'
import { type TestCluster, giveToCluster } from './postgres-cluster.ts'

export interface TestBackup {
  readonly manifest: PostgresqlManifest
  readonly objects: PlainObjects
}

/** A base backup of a cluster, as a run would publish it. */
export async function takeBackup(cluster: TestCluster, name: string, options: WorkOptions = {}): Promise<TestBackup> {
  const objects = new PlainObjects(join(cluster.base, `objects-${name}`))
  const order = { label: name, stagingDirectory: join(cluster.base, 'staging') }
  const made = await produceBaseBackup(cluster.instance, order, objects, options)
  const time = new Date().toISOString()
  const manifest: PostgresqlManifest = {
    format: 'muster-manifest-1',
    type: 'postgresql',
    backup: name,
    organisation: 'test',
    system: 'test',
    component: 'database',
    kind: 'full',
    run: name,
    attempt: 1,
    configHash: '',
    startedAt: time,
    endedAt: time,
    parents: [],
    objects: objects.objects,
    stores: [],
    recipients: [],
    writer: { host: 'localhost', machineId: '', muster: '0', tools: made.tools },
    postgresql: { ...made.postgresql, incarnation: 'test', checks: [] },
  }
  return { manifest, objects }
}

/** What a server has written so far, as a prefetch would lay it down: plain segments, each replaced by rename. */
export async function copyWal(cluster: TestCluster, name: string): Promise<string> {
  const target = await cluster.makeDirectory(name)
  const source = join(cluster.directory, 'pg_wal')
  for (const file of (await readdir(source)).filter((entry) => /^[0-9A-F]{24}$/.test(entry))) {
    await copyFile(join(source, file), join(target, `${file}.new`))
    await giveToCluster(join(target, `${file}.new`))
    await rename(join(target, `${file}.new`), join(target, file))
  }
  return target
}

/** The server's clock, rounded up: what was committed before is before it. */
export async function serverTime(cluster: TestCluster): Promise<string> {
  const [row] = await cluster.sql<{ at: Date }>('select clock_timestamp() as at')
  // The driver rounds down to milliseconds.
  return new Date((row?.at.getTime() ?? 0) + 1).toISOString()
}

/** Flips every bit of one byte. */
export async function flipByte(path: string, position: number): Promise<void> {
  const file = await open(path, 'r+')
  const byte = Buffer.alloc(1)
  await file.read(byte, 0, 1, position)
  await file.write(Buffer.from([(byte[0] as number) ^ 0xff]), 0, 1, position)
  await file.close()
}
