/** What stands at neither site: the S3 store that both reach, and Temporal where it is not at the primary one. */
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CreateBucketCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import type { Client } from '@temporalio/client'
import { connectTemporal } from '../../clients/connection.ts'
import { findTemporal } from '../../wiring/temporal-program.ts'
import { s3ServerProgram } from '../demo/programs.ts'
import { startOn } from './machine.ts'
import { addresses, type Machine } from './network.ts'
import type { ScenarioPlaces } from './places.ts'

export interface Vault {
  readonly endpoint: string
  readonly bucket: string
  /** Reference to the key of the server. */
  readonly credentials: string
  readonly client: S3ClientConfig
}

export const temporalPort = 7233
export const temporalUiPort = 8233

const startSeconds = 60

export async function startVault(places: ScenarioPlaces): Promise<Vault> {
  const [accessKeyId, secretAccessKey] = ['scenario', randomBytes(16).toString('hex')]
  const listen = `${addresses.third}:9000`
  await startOn(places, 'third', 's3', [await s3ServerProgram(), '--port', listen, '--quiet', 'posix', join(places.s3, 'buckets')], {
    ROOT_ACCESS_KEY: accessKeyId,
    ROOT_SECRET_KEY: secretAccessKey,
  })
  const endpoint = `http://${listen}`
  const bucket = 'shop-vault'
  const config = { region: 'us-east-1', endpoint, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } }
  await untilAnswered('the S3 server', () => fetch(endpoint))
  const client = new S3Client(config)
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }))
  } finally {
    client.destroy()
  }
  const file = join(places.secrets, 's3')
  await writeFile(file, `${accessKeyId}:${secretAccessKey}`, { mode: 0o600 })
  return { endpoint, bucket, credentials: `file:${file}`, client: config }
}

export async function startTemporal(places: ScenarioPlaces, machine: Machine): Promise<Client> {
  // On every address of that machine: parts of the server speak to each other on loopback.
  const words = ['server', 'start-dev', '--ip', '0.0.0.0', '--port', String(temporalPort), '--ui-port', String(temporalUiPort)]
  const state = ['--db-filename', join(places.temporal, 'temporal.db'), '--log-level', 'warn']
  await startOn(places, machine, 'temporal', [await findTemporal(), ...words, ...state])
  return useTemporalAt(machine)
}

/** From now on everybody works with the Temporal that stands there. */
export function useTemporalAt(machine: Machine): Promise<Client> {
  process.env['TEMPORAL_ADDRESS'] = `${addresses[machine]}:${temporalPort}`
  return untilAnswered('Temporal', () => connectTemporal(2))
}

export async function untilAnswered<T>(what: string, ask: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + startSeconds * 1000; ; await sleep(100)) {
    try {
      return await ask()
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`${what} does not answer after ${startSeconds} s`, { cause: error })
    }
  }
}
