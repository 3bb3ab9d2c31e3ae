import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { ObjectSink, ObjectSource } from '../../adapters/component/component.ts'
import type { TreeSource } from '../../adapters/component/files/produce.ts'
import { MusterError } from '../../domain/failures.ts'

/** A sink and source over plain files: what the repository does with encryption, without it. */
export class PlainObjects implements ObjectSink, ObjectSource {
  readonly directory: string
  readonly files = new Map<string, { readonly path: string; readonly sha256: string }>()
  /** In the order they were fetched. */
  readonly fetched: string[] = []

  constructor(directory: string) {
    this.directory = directory
    mkdirSync(directory, { recursive: true })
  }

  get roles(): readonly string[] {
    return [...this.files.keys()]
  }

  async add(object: { readonly role: string; readonly name: string }, plain: NodeJS.ReadableStream): Promise<void> {
    const path = join(this.directory, object.name)
    try {
      await pipeline(plain, createWriteStream(path))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw new MusterError('DiskFull', 'staging is full', { cause: error })
      throw error
    }
    this.put(object.role, path)
  }

  /** Declares a file to be an object, as if it had been published like that. */
  put(role: string, path: string): void {
    this.files.set(role, { path, sha256: sha256(path) })
  }

  open(): never {
    throw new Error('the files component fetches whole objects')
  }

  async toFile(role: string, path: string): Promise<void> {
    const object = this.files.get(role)
    if (!object) throw new MusterError('ObjectMissing', `no ${role}`)
    this.fetched.push(role)
    await pipeline(createReadStream(object.path), createWriteStream(path, { mode: 0o600, flags: 'wx' }))
    if (sha256(path) === object.sha256) return
    rmSync(path)
    throw new MusterError('ChecksumMismatch', `${role} is not what was published`)
  }
}

export interface Rig {
  readonly top: string
  readonly source: string
  readonly staging: string
  readonly target: string
  readonly objects: PlainObjects
  config(changes?: Partial<TreeSource>): TreeSource
  remove(): void
}

export function newRig(): Rig {
  const top = mkdtempSync(join(tmpdir(), 'muster-files-'))
  const source = join(top, 'source')
  const staging = join(top, 'staging')
  for (const directory of [source, staging]) mkdirSync(directory)
  return {
    top,
    source,
    staging,
    target: join(top, 'target'),
    objects: new PlainObjects(join(top, 'objects')),
    config: (changes = {}) => ({ paths: [source], exclude: [], allowUnreadable: [], allowEmpty: false, ...changes }),
    remove: () => rmSync(top, { recursive: true, force: true }),
  }
}

export function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** Everything about a tree that a restore must bring back, one line a name, by a tool that is not under test. */
export function describeTree(directory: string): string {
  const format = '%P\\t%y\\t%m\\t%U:%G\\t%T@\\t%l\\t%n\\t%s\\0'
  const listed = execFileSync('find', [directory, '-printf', format], {
    encoding: 'latin1',
    env: { LC_ALL: 'C', PATH: process.env['PATH'] },
  })
  // Sizes of directories are the filesystem's own business.
  return listed
    .split('\0')
    .map((line) => (line.split('\t')[1] === 'd' ? line.replace(/\t\d+\t\d+$/, '') : line))
    .sort()
    .join('\n')
}

export function write(directory: string, name: string, content: string | Uint8Array = name): string {
  const path = join(directory, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, content)
  return path
}

/** Processes with this label in their environment. */
export function labelled(label: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(`MUSTER_LABEL=${label}`)
    } catch {
      return false
    }
  })
}

export function rejectsWith(type: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    if (error instanceof MusterError && error.type === type && message.test(error.message)) return true
    throw new Error(`expected ${type} ${message}, got: ${String((error as MusterError).type)} ${String(error)}`, {
      cause: error,
    })
  }
}

export interface MadeMember {
  readonly name: string
  /** The type letter of the header: 0 file, 1 hard link, 2 symlink, 3 device, 5 directory, 6 fifo. */
  readonly type?: string
  readonly link?: string
  readonly mode?: number
  readonly content?: string
  /** Records of an extended header before it. */
  readonly pax?: Readonly<Record<string, string>>
}

/** A tar archive byte by byte, to hold what no tar would write. */
export function makeTar(members: readonly MadeMember[]): Buffer {
  const blocks = members.flatMap((member) => [
    ...(member.pax ? tarEntry({ name: 'pax', type: 'x', content: paxRecords(member.pax) }) : []),
    ...tarEntry(member),
  ])
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

function paxRecords(records: Readonly<Record<string, string>>): string {
  return Object.entries(records)
    .map(([key, value]) => {
      const rest = ` ${key}=${value}\n`
      let length = rest.length + 1
      while (String(length).length + rest.length !== length) length++
      return `${length}${rest}`
    })
    .join('')
}

function tarEntry({ name, type = '0', link = '', mode = 0o644, content = '' }: MadeMember): Buffer[] {
  const header = Buffer.alloc(512)
  const octal = (value: number, at: number, length: number): number => header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at)
  header.write(name, 0)
  octal(mode, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(content.length, 124, 12)
  octal(1_700_000_000, 136, 12)
  header.write('        ', 148)
  header.write(type, 156)
  header.write(link, 157)
  header.write('ustar\u000000', 257)
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  const body = Buffer.alloc(Math.ceil(content.length / 512) * 512)
  body.write(content)
  return [header, body]
}
