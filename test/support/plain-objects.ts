import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { copyFile, mkdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ObjectSink, ObjectSource } from '../../adapters/component/component.ts'
import { MusterError } from '../../domain/failures.ts'
import type { BackupObject } from '../../domain/repository-format.ts'

/** A sink and source that keeps objects as plain files: what a backup and restore see of staging and stores. */
export class PlainObjects implements ObjectSink, ObjectSource {
  readonly directory: string
  readonly objects: BackupObject[] = []

  constructor(directory: string) {
    this.directory = directory
  }

  get roles(): readonly string[] {
    return this.objects.map(({ role }) => role)
  }

  async add(object: { readonly role: string; readonly name: string }, plain: Readable): Promise<void> {
    await mkdir(this.directory, { recursive: true })
    const path = join(this.directory, object.name)
    await pipeline(plain, createWriteStream(path, { flags: 'wx' }))
    const sha256 = createHash('sha256')
      .update(await readFile(path))
      .digest('hex')
    const { size } = await stat(path)
    const sizes = { sizeBytes: size, plainSizeBytes: size, sha256, plainSha256: sha256 }
    this.objects.push({ role: object.role, key: object.name, ...sizes })
  }

  open(role: string): { readonly plain: Readable; readonly done: Promise<void> } {
    const object = this.find(role)
    const plain = new PassThrough()
    const source = createReadStream(this.pathOf(role))
    // A reader that gives up early does so because of what it read: the source looks at the whole either way.
    const done = (async () => {
      const [read] = await Promise.allSettled([pipeline(source, plain)])
      const sha256 = createHash('sha256')
        .update(await readFile(this.pathOf(role)))
        .digest('hex')
      if (sha256 !== object.plainSha256) throw new MusterError('ChecksumMismatch', `${object.key} is not what was backed up`)
      if (read.status === 'rejected') throw read.reason
    })()
    done.catch(() => {})
    return { plain, done }
  }

  async toFile(role: string, path: string): Promise<void> {
    await copyFile(this.pathOf(role), path)
  }

  pathOf(role: string): string {
    return join(this.directory, this.find(role).key)
  }

  private find(role: string): BackupObject {
    const object = this.objects.find((candidate) => candidate.role === role)
    if (!object) throw new MusterError('ObjectMissing', `the backup has no object ${role}`)
    return object
  }
}
