/**
 * What a tar archive says it holds, read before anything is extracted from it, and the rules it
 * must obey: it holds exactly what the index lists for it, and nothing in it can reach beyond the
 * directory it is extracted into.
 */
import { MusterError } from './failures.ts'
import type { TreeEntry } from './tree-index.ts'
import { ancestorsOf, pathProblem, rootPath, shownPath } from './tree-path.ts'

export type ArchiveMemberType = TreeEntry['type'] | 'device' | 'fifo' | 'other'

export interface ArchiveMember {
  /** As it stands in the archive, apart from the `/` after a directory and `./` for the root. */
  readonly path: string
  readonly type: ArchiveMemberType
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly sizeBytes: number
  readonly linkTarget?: string
}

export interface ExpectedMembers {
  /** `tree:<n>`, for the message. */
  readonly object: string
  /** What the index lists for this object, by path. */
  readonly entries: ReadonlyMap<string, TreeEntry>
  /** Every directory of the root that the index lists, in whichever object. */
  readonly directories: ReadonlySet<string>
}

/**
 * Checks members one by one as they are listed, so that an endless archive is left early.
 * `finish` checks that none is missing.
 */
export function memberChecker(expected: ExpectedMembers): { check(member: ArchiveMember): void; finish(): void } {
  const seen = new Set<string>()
  return {
    check(member) {
      const problem = memberProblem(member, expected, seen)
      if (problem) throw hostile(expected.object, member.path, problem)
      seen.add(member.path)
    },
    finish() {
      if (seen.size === expected.entries.size) return
      const missing = [...expected.entries.keys()].find((path) => !seen.has(path)) as string
      throw hostile(expected.object, missing, 'is listed in the index and not in the archive')
    },
  }
}

/** @throws MusterError HostileArchive naming the first member that breaks a rule */
export function checkMemberNames(members: Iterable<ArchiveMember>, expected: ExpectedMembers): void {
  const checker = memberChecker(expected)
  for (const member of members) checker.check(member)
  checker.finish()
}

function memberProblem(member: ArchiveMember, expected: ExpectedMembers, seen: ReadonlySet<string>): string | null {
  const problem = pathProblem(member.path)
  if (problem) return problem
  if (member.type === 'device' || member.type === 'fifo' || member.type === 'other') return `is a ${typeNames[member.type]}`
  if (seen.has(member.path)) return 'is there twice'
  const entry = expected.entries.get(member.path)
  if (!entry) return 'is not in the index'
  return placeProblem(entry, expected) ?? linkProblem(member, entry, expected, seen) ?? attributeProblem(member, entry)
}

const typeNames = { device: 'device', fifo: 'fifo', other: 'kind of member that trees do not have' } as const

/** Each part of the way must be a directory and nothing else: a link there could lead anywhere. */
function placeProblem(entry: TreeEntry, expected: ExpectedMembers): string | null {
  if (entry.type !== 'directory' && expected.directories.has(entry.path)) return `is a ${entry.type} and a directory in the index`
  const stranger = ancestorsOf(entry.path).find((path) => path !== rootPath && !expected.directories.has(path))
  return stranger === undefined ? null : `lies below ${shownPath(stranger)}, which is not a directory of the tree`
}

function linkProblem(member: ArchiveMember, entry: TreeEntry, expected: ExpectedMembers, seen: ReadonlySet<string>): string | null {
  if (member.type !== entry.type) return `is a ${member.type}; the index says ${entry.type}`
  if (member.linkTarget !== entry.linkTarget) return 'links to another place than the index says'
  if (member.type !== 'hardlink') return null
  const target = member.linkTarget as string
  const file = seen.has(target) ? expected.entries.get(target) : undefined
  return file?.type === 'file' ? null : 'is a hard link to something that is not a file before it in the archive'
}

function attributeProblem(member: ArchiveMember, entry: TreeEntry): string | null {
  if (member.type === 'file' && member.sizeBytes !== entry.sizeBytes) {
    return `has ${member.sizeBytes} bytes; the index says ${entry.sizeBytes}`
  }
  if (member.mode !== entry.mode) return `has mode ${octal(member.mode)}; the index says ${octal(entry.mode)}`
  if (member.uid !== entry.uid || member.gid !== entry.gid) return 'has another owner than the index says'
  return null
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0')
}

function hostile(object: string, path: string, problem: string): MusterError {
  return new MusterError('HostileArchive', `${object}: the member ${shownPath(path)} ${problem}`)
}
