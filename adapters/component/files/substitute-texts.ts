import { createHash } from 'node:crypto'
import { chmod, constants, type FileHandle, lstat, mkdir, open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { MusterError } from '../../../domain/failures.ts'
import { isText, substitute } from '../../../domain/substitution.ts'
import type { TreeEntry } from '../../../domain/tree-index.ts'
import { ancestorsOf, shownPath } from '../../../domain/tree-path.ts'
import { type LeftOut, type RuledRoot, substitutionsOf, type TreeRules } from '../../../domain/tree-rules.ts'
import type { WorkOptions } from '../component.ts'
import { codeOf, throwIfCancelled } from './tree-failures.ts'
import { diskPath, lookAt } from './walk.ts'

export interface SubstituteRequest {
  /** The restored tree, not yet in its place. */
  readonly newRoot: string
  /** Number of the root in the index. */
  readonly number: number
  readonly root: RuledRoot
  readonly leftOut: LeftOut
  readonly substitute: TreeRules['substitute']
  /** Of the whole backup; read once. What is carried over from the target is not in the way of anything. */
  readonly index: AsyncIterable<TreeEntry>
  /** Files as they were before, on the same disk: an attempt that is repeated begins from them. */
  readonly originalsDirectory: string
  /** @throws MusterError EpochSuperseded */
  readonly mayAct: () => Promise<void>
}

export interface SubstitutedTexts {
  /** By position of the rule. */
  readonly rules: readonly RuleCount[]
  /** Files that a rule names and that are not text, or too large for it: left as they were. */
  readonly passedBy: readonly string[]
}

export interface RuleCount {
  /** Files that it names, and those in which it replaced something. */
  readonly named: number
  readonly files: number
  readonly replaced: number
  readonly insideWords: number
  readonly stoodThere: number
}

/** Configuration is small; what is larger is data. */
export const largestTextBytes = 32 * 1024 * 1024

/**
 * Replaces texts in files of a restored tree. A file keeps owner, mode, attributes and all its names; its time becomes now,
 * as its content does. No link is followed. May be called again after a crash: each file is kept as it was first.
 * @throws MusterError RestoreFailed | DiskFull | Cancelled
 */
export async function substituteTexts(request: SubstituteRequest, options: WorkOptions = {}): Promise<SubstitutedTexts> {
  const named = await filesNamed(request)
  const counts = request.substitute.map(() => ({ named: 0, files: 0, replaced: 0, insideWords: 0, stoodThere: 0 }))
  const passedBy: string[] = []
  if (named.size > 0) await mkdir(request.originalsDirectory, { recursive: true, mode: 0o700 })
  for (const { path, rules, mode } of named.values()) {
    throwIfCancelled(options.signal, 'substituting text')
    await request.mayAct()
    const found = await substituteFile(request, path, rules, mode)
    if (found === null) passedBy.push(path)
    for (const [at, rule] of rules.entries()) {
      const count = counts[rule] as (typeof counts)[number]
      count.named++
      count.files += found?.replaced[at] ? 1 : 0
      count.replaced += found?.replaced[at] ?? 0
      count.insideWords += found?.insideWords[at] ?? 0
      count.stoodThere += found?.stoodThere[at] ?? 0
    }
  }
  return { rules: counts, passedBy }
}

interface NamedFile {
  readonly path: string
  readonly rules: readonly number[]
  readonly mode: number
}

/** One for each file, whatever names it has; what any of its names is subject to counts. */
async function filesNamed({ newRoot, number, root, leftOut, substitute: rules, index }: SubstituteRequest): Promise<ReadonlyMap<string, NamedFile>> {
  const rulesFor = substitutionsOf(rules)
  const named = new Map<string, NamedFile>()
  const directories = new Set<string>()
  for await (const { root: of, type, path, mode } of index) {
    if (of !== number || (type !== 'file' && type !== 'hardlink') || leftOut(root, path) !== null) continue
    const own = rulesFor(root, path)
    if (own.length === 0) continue
    await refuseDetour(newRoot, path, directories)
    const found = await lookAt(newRoot, path)
    if (found === null || found === 'special' || found.type !== 'file') throw new MusterError('RestoreFailed', `the restored ${shownPath(path)} is no file`)
    const before = named.get(found.inode)
    named.set(found.inode, { path: before?.path ?? path, mode, rules: [...new Set([...(before?.rules ?? []), ...own])].sort((a, b) => a - b) })
  }
  return named
}

/** The way to a file leads through directories alone, or it could end outside the tree. */
async function refuseDetour(newRoot: string, path: string, known: Set<string>): Promise<void> {
  for (const above of ancestorsOf(path)) {
    if (known.has(above)) continue
    if (!(await lstat(diskPath(newRoot, above))).isDirectory()) {
      throw new MusterError('RestoreFailed', `${shownPath(above)} on the way to ${shownPath(path)} is no directory`)
    }
    known.add(above)
  }
}

async function substituteFile({ newRoot, substitute: texts, originalsDirectory }: SubstituteRequest, path: string, rules: readonly number[], mode: number) {
  const place = diskPath(newRoot, path)
  const kept = join(originalsDirectory, createHash('sha256').update(newRoot).update('\0').update(diskPath('', path)).digest('hex'))
  const original = (await readOrNull(kept)) ?? (await readText(place))
  if (original === null || !isText(original)) return null
  const result = substitute(
    original,
    rules.map((rule) => texts[rule] as TreeRules['substitute'][number]),
  )
  if (result.bytes === null) return result
  await keep(original, kept)
  await write(place, result.bytes, mode)
  return result
}

async function readOrNull(path: string): Promise<Buffer | null> {
  return readFile(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null
    throw error
  })
}

/** Null where it is too large. */
async function readText(place: Buffer): Promise<Buffer | null> {
  const handle = await openFile(place, constants.O_RDONLY)
  try {
    return (await handle.stat()).size > largestTextBytes ? null : await handle.readFile()
  } finally {
    await handle.close()
  }
}

async function keep(original: Uint8Array, path: string): Promise<void> {
  const handle = await open(`${path}.new`, 'w', 0o600)
  try {
    await handle.writeFile(original)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(`${path}.new`, path)
}

/** Into the same file, so that it keeps what else it is; set-user-id bits and the like go when somebody writes, and come back. */
async function write(place: Buffer, bytes: Uint8Array, mode: number): Promise<void> {
  const handle = await openFile(place, constants.O_WRONLY).catch(async (error: unknown) => {
    if (codeOf(error) !== 'EACCES') throw error
    await chmod(place, 0o600)
    return openFile(place, constants.O_WRONLY)
  })
  try {
    await handle.truncate(bytes.length)
    await handle.writeFile(bytes)
    await handle.sync()
    await handle.chmod(mode)
  } finally {
    await handle.close()
  }
}

function openFile(place: Buffer, flags: number): Promise<FileHandle> {
  return open(place, flags | constants.O_NOFOLLOW)
}
