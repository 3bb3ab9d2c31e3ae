/** A real S3 server on a free port of the loopback, with its objects in a new folder. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import type { RunningTool } from '../../adapters/process/process.ts'
import { startTool } from '../../adapters/process/run-tool.ts'
import { freePort } from './free-port.ts'
import { s3ServerPath } from './tools.ts'

export interface S3Server {
  readonly endpoint: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
  /** Where the buckets lie; removed by stop(). */
  readonly directory: string
  createBucket(name: string): Promise<void>
  /** SIGKILL, as a power cut; resolves when the process is gone. */
  kill(): Promise<void>
  /** After kill(), on the same port and folder. */
  restart(): Promise<void>
  stop(): Promise<void>
}

const startWithinSeconds = 30

/** @param directory an existing folder for the buckets, which stop() leaves there; a new one by default */
export async function startS3Server(directory?: string): Promise<S3Server> {
  const home = await mkdtemp(join(tmpdir(), 'muster-s3-'))
  const buckets = directory ?? join(home, 'buckets')
  await mkdir(buckets, { recursive: true })
  const server = new Server(await freePort(), home, buckets)
  await server.restart()
  return server
}

class Server implements S3Server {
  readonly accessKeyId = 'muster-test'
  readonly secretAccessKey = 'muster-test-secret'
  readonly region = 'us-east-1'
  readonly endpoint: string
  readonly directory: string
  private readonly port: number
  private readonly home: string
  private process: RunningTool | null = null

  constructor(port: number, home: string, directory: string) {
    this.port = port
    this.home = home
    this.directory = directory
    this.endpoint = `http://127.0.0.1:${port}`
  }

  async createBucket(name: string): Promise<void> {
    const { accessKeyId, secretAccessKey } = this
    const client = new S3Client({
      region: this.region,
      endpoint: this.endpoint,
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
    })
    try {
      await client.send(new CreateBucketCommand({ Bucket: name }))
    } finally {
      client.destroy()
    }
  }

  async restart(): Promise<void> {
    const started = startTool(await s3ServerPath(), ['--port', `127.0.0.1:${this.port}`, '--quiet', 'posix', this.directory], {
      cwd: this.home,
      env: { ROOT_ACCESS_KEY: this.accessKeyId, ROOT_SECRET_KEY: this.secretAccessKey },
      stdout: 'discard',
    })
    this.process = started
    let end: string | undefined
    started.done.then(
      () => (end = 'it ended'),
      (error: unknown) => (end = String(error)),
    )
    const deadline = Date.now() + startWithinSeconds * 1000
    while (!(await this.answers())) {
      if (end !== undefined) throw new Error(`the S3 server did not start: ${end}`)
      if (Date.now() > deadline) throw new Error(`the S3 server did not answer within ${startWithinSeconds} s`)
      await sleep(50)
    }
  }

  async kill(): Promise<void> {
    if (!this.process) return
    process.kill(this.process.pid, 'SIGKILL')
    await this.gone()
  }

  async stop(): Promise<void> {
    await this.process?.end()
    await this.gone()
    await rm(this.home, { recursive: true, force: true })
  }

  private async gone(): Promise<void> {
    await this.process?.done.catch(() => undefined)
    this.process = null
  }

  /** Any answer at all, even a refusal. */
  private answers(): Promise<boolean> {
    return fetch(this.endpoint).then(
      () => true,
      () => false,
    )
  }
}
