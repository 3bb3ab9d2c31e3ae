/**
 * What a person would type instead of Muster, with equal duties: page checksums and a SHA-256 manifest, server-side
 * zstd, age, a hash of each encrypted file, flushed copies in two places; and the way back, verified and flushed.
 * Bytes go through pipes of a shell here, so that nothing of Node is in these times.
 */
import { mkdir, rm, stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { createReadStream } from 'node:fs'
import { ageRecipientOf } from '../adapters/crypto/age-identity.ts'
import { runTool } from '../adapters/process/run-tool.ts'
import { keyFiles } from '../wiring/places.ts'
import { giveToCluster } from '../test/support/postgres-cluster.ts'
import type { S3Server } from '../test/support/s3-server.ts'
import type { BenchSystem } from './bench-system.ts'
import { timed } from './timed.ts'

/** Seconds per step. */
export interface BareBackup {
  /** Checkpoint included. */
  readonly baseBackup: number
  readonly encrypt: number
  readonly tree: number
  readonly hash: number
  readonly copy: number
  readonly total: number
  readonly files: readonly string[]
}

/** The tools alone: what Muster too must wait for. */
export function toolSeconds({ baseBackup, encrypt, tree }: BareBackup): number {
  return baseBackup + encrypt + tree
}

/** A folder of its own in the cluster's place; the caller removes it. */
export async function backUpBare(system: BenchSystem, folder: string, targets: readonly string[]): Promise<BareBackup> {
  const recipient = await ageRecipientOf(identityOf(system))
  await mkdir(folder, { recursive: true, mode: 0o711 })
  const base = join(folder, 'base')
  const baseBackup = (await timed(() => takeBaseBackup(system, base))).seconds
  const names = ['base.tar.zst', 'backup_manifest']
  const files = names.map((name) => join(folder, `${name}.age`))
  const encrypt = await timed(async () => {
    for (const [index, name] of names.entries()) await runTool('age', ['-r', recipient, '-o', files[index] as string, join(base, name)])
  })
  const tree = await timed(async () => {
    if (!(await exists(system.folders.uploads))) return
    const path = join(folder, 'uploads.tar.zst.age')
    await pipe('tar --create --format=posix --directory "$1" . | zstd -q -3 -T2 | age -r "$2" -o "$3"', [system.folders.uploads, recipient, path])
    files.push(path)
  })
  const hash = await timed(() => runTool('sha256sum', files))
  const copy = await timed(() => copyTo(files, targets, system.s3))
  const steps = { baseBackup, encrypt: encrypt.seconds, tree: tree.seconds, hash: hash.seconds, copy: copy.seconds }
  return { ...steps, total: Object.values(steps).reduce((sum, one) => sum + one, 0), files }
}

async function takeBaseBackup({ cluster }: BenchSystem, directory: string): Promise<void> {
  const { host, port, user } = cluster.config.connection
  await mkdir(directory, { mode: 0o700 })
  await giveToCluster(directory)
  await cluster.run('pg_basebackup', [
    `--host=${host}`,
    `--port=${port}`,
    `--username=${user}`,
    '--no-password',
    '--pgdata',
    directory,
    '--format=tar',
    `--compress=server-zstd:level=3,workers=${Math.min(4, availableParallelism())}`,
    '--wal-method=fetch',
    '--checkpoint=fast',
    '--manifest-checksums=SHA256',
  ])
}

/** As Muster does: a hard link on the same filesystem, a flushed copy on another; and what an S3 client sends. */
async function copyTo(files: readonly string[], targets: readonly string[], s3: S3Server | null): Promise<void> {
  for (const target of targets) {
    await mkdir(target, { recursive: true })
    for (const file of files) {
      const same = (await stat(file)).dev === (await stat(target)).dev
      await runTool('cp', [...(same ? ['--link'] : []), file, target])
      await runTool('sync', [join(target, file.slice(file.lastIndexOf('/') + 1)), target])
    }
  }
  if (s3) await upload(files, s3)
}

async function upload(files: readonly string[], s3: S3Server): Promise<void> {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3
  const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } })
  try {
    for (const file of files) {
      const { size } = await stat(file)
      await client.send(new PutObjectCommand({ Bucket: 'muster', Key: `bare${file}`, Body: createReadStream(file), ContentLength: size }))
    }
  } finally {
    client.destroy()
  }
}

export interface BareRestore {
  /** Decrypt, decompress, extract. */
  readonly extract: number
  readonly verify: number
  readonly flush: number
  /** Until the server answers. */
  readonly start: number
  readonly total: number
}

/** Restores into a new folder and starts a server there, which is stopped again outside the measured time. */
export async function restoreBare(system: BenchSystem, backup: BareBackup, folder: string, port: number): Promise<BareRestore> {
  const { cluster } = system
  const directory = join(folder, 'data')
  await rm(folder, { recursive: true, force: true })
  for (const path of [folder, directory]) {
    await mkdir(path, { mode: 0o700 })
    await giveToCluster(path)
  }
  const identity = identityOf(system)
  const [archive = '', manifest = ''] = backup.files
  const extract = await timed(async () => {
    await pipe('age -d -i "$1" "$2" | zstd -q -dc | tar --extract --preserve-permissions --directory "$3"', [identity, archive, directory])
    await runTool('age', ['-d', '-i', identity, '-o', join(directory, 'backup_manifest'), manifest])
    await giveToCluster(join(directory, 'backup_manifest'))
  })
  const verify = await timed(() => cluster.run('pg_verifybackup', ['--quiet', directory]))
  const flush = await timed(() => runTool('sync', ['-f', directory]))
  const start = await timed(() =>
    cluster.run('pg_ctl', ['start', '-D', directory, '-w', '-t', '600', '-l', join(folder, 'log'), '-o', `-p ${port} -k ${folder}`]),
  )
  await cluster.run('pg_ctl', ['stop', '-D', directory, '-w', '-m', 'immediate'])
  const steps = { extract: extract.seconds, verify: verify.seconds, flush: flush.seconds, start: start.seconds }
  return { ...steps, total: Object.values(steps).reduce((sum, one) => sum + one, 0) }
}

async function pipe(script: string, args: readonly string[]): Promise<void> {
  await runTool('bash', ['-o', 'pipefail', '-c', script, 'bare', ...args])
}

function identityOf(system: BenchSystem): string {
  return join(system.rig.places.keys, keyFiles.identity)
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
