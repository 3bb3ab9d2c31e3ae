/**
 * What a person would do instead: copy the store from S3 and type the commands of that backup's RUNBOOK.md, all of them, as they
 * stand there, back to the moment that the failover came back to.
 */
import { chown, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createWriteStream } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { GetObjectCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3'
import { lookUpUser } from '../../adapters/process/operating-system-user.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import { serverUser } from './database.ts'
import type { Stage } from './set-up.ts'

export interface Bare {
  readonly copySeconds: number
  readonly commandsSeconds: number
  readonly totalSeconds: number
}

const standardPath = '/usr/bin:/bin'
const copiesAtOnce = 8

/** @param target a moment not later than the last commit that the failover brought back */
export async function restoreBare(stage: Stage, target: string): Promise<Bare> {
  const { places, database, backup } = stage
  const at = (name: string) => join(places.bare, name)
  const { userId, groupId } = lookUpUser(serverUser)
  for (const name of ['store', 'out', 'wal', 'work']) {
    await mkdir(at(name), { mode: 0o700 })
    await chown(at(name), userId, groupId)
  }
  await cp(join(places.secrets, 'identity.txt'), at('identity.txt'))
  await chown(at('identity.txt'), userId, groupId)
  const began = Date.now()
  await copyBucket(stage, at('store'))
  const copied = Date.now()
  await runTool('chown', ['-R', serverUser, at('store')])
  const text = await readFile(at(join('store', 'backups', 'shop', 'database', backup, 'RUNBOOK.md')), 'utf8')
  const script = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]).join('\n')
  const env = {
    PATH: `${standardPath}:${database.binDirectory}`,
    STORE: at('store'),
    IDENTITY: at('identity.txt'),
    OUT: at('out'),
    WAL: at('wal'),
    ROOT_FINGERPRINT: stage.rootFingerprint,
    TARGET: target,
  }
  await writeFile(join(places.logs, 'bare.sh'), script)
  await runTool('bash', ['-eu', '-c', script], { cwd: at('work'), env, runAs: serverUser, leavesServices: true, timeoutSeconds: 1800 })
  const done = Date.now()
  await runTool(join(database.binDirectory, 'pg_ctl'), ['stop', '-D', at('out'), '-m', 'immediate', '-w'], { runAs: serverUser })
  await rm(places.bare, { recursive: true, force: true })
  return { copySeconds: (copied - began) / 1000, commandsSeconds: (done - copied) / 1000, totalSeconds: (done - began) / 1000 }
}

async function copyBucket({ vault }: Stage, into: string): Promise<void> {
  const client = new S3Client(vault.client)
  try {
    const keys: string[] = []
    for await (const page of paginateListObjectsV2({ client }, { Bucket: vault.bucket })) keys.push(...(page.Contents ?? []).flatMap(({ Key }) => Key ?? []))
    const lanes = Array.from({ length: copiesAtOnce }, (_, lane) => keys.filter((_key, index) => index % copiesAtOnce === lane))
    await Promise.all(lanes.map((lane) => copyObjects(client, vault.bucket, lane, into)))
  } finally {
    client.destroy()
  }
}

async function copyObjects(client: S3Client, bucket: string, keys: readonly string[], into: string): Promise<void> {
  for (const key of keys) {
    const path = join(into, key)
    await mkdir(dirname(path), { recursive: true })
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
    await pipeline(Body as Readable, createWriteStream(path))
  }
}
