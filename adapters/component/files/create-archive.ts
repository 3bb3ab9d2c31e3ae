import type { ArchiveMember } from '../../../domain/archive-members.ts'
import { MusterError } from '../../../domain/failures.ts'
import { encodePath, shownPath } from '../../../domain/tree-path.ts'
import type { RunningTool, ToolOptions } from '../../process/process.ts'
import { startTool } from '../../process/run-tool.ts'
import { listingArguments, listingEnvironment, parseComplaint, parseMember } from './tar-listing.ts'

/** What tar wrote, by its own account. */
export interface ArchiveReport {
  readonly members: ReadonlyMap<string, ArchiveMember>
  /** Names that are not in the archive, with the reason. */
  readonly missing: ReadonlyMap<string, string>
}

export interface ArchiveRequest extends Pick<ToolOptions, 'runAs' | 'label' | 'signal' | 'kind'> {
  /** Directory that the paths are relative to. */
  readonly base: string
  readonly paths: readonly string[]
  readonly stdout: 'stream' | { readonly file: string }
  readonly onMember?: (member: ArchiveMember) => void
}

/**
 * Starts one tar that reads the named paths, and nothing below them, into a zstd-compressed archive.
 * The report comes from tar itself, so that an index never says anything else than the archive.
 * `report` rejects with SourceUnreadable (a read error) or CommandFailed.
 */
export function startArchive(request: ArchiveRequest): {
  readonly tool: RunningTool
  readonly report: Promise<ArchiveReport>
} {
  const members = new Map<string, ArchiveMember>()
  const complaints: string[] = []
  const tool = startTool('tar', createArguments, {
    cwd: request.base,
    env: listingEnvironment,
    stdin: listOf(request.paths),
    stdout: request.stdout,
    okExitCodes: [0, 1, 2],
    onStderrLine: (line) => {
      const member = parseMember(line)
      if (!member) return void complaints.push(line)
      members.set(member.path, member)
      request.onMember?.(member)
    },
    ...only(request, ['runAs', 'label', 'signal', 'kind']),
  })
  const report = tool.done.then(({ exitCode }) => {
    const missing = reasonsFor(complaints)
    if (exitCode !== 0) refuseUnexplained(complaints, exitCode)
    return { members, missing }
  })
  report.catch(() => {})
  return { tool, report }
}

/** NUL-separated names as tar and xargs read them: the bytes of each, whatever they are. */
export function listOf(paths: readonly string[]): Uint8Array {
  return Buffer.concat(paths.flatMap((path) => [encodePath(path), Uint8Array.of(0)]))
}

/** The named members of an object that are set. */
export function only<T extends object, K extends keyof T>(from: T, names: readonly K[]): { [P in K]?: Exclude<T[P], undefined> } {
  const entries = names.filter((name) => from[name] !== undefined).map((name) => [name, from[name]])
  return Object.fromEntries(entries) as { [P in K]?: Exclude<T[P], undefined> }
}

const createArguments = [
  '--create',
  '--format=posix',
  // Times of access and change tell nothing that a restore could set; the process id would make every archive differ.
  '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime',
  '--no-recursion',
  '--null',
  '--no-unquote',
  '--verbatim-files-from',
  '--files-from=-',
  '--sparse',
  '--acls',
  '--xattrs',
  '--verbose',
  '--verbose',
  ...listingArguments,
  '--use-compress-program=zstd -3',
  '--file=-',
] as const

/** Said about a name that is in the archive all the same, or follow from what was said about a name. */
const harmless = [
  /file changed as we read it$/,
  /File removed before we read it$/,
  /File shrank by \d+ bytes?; padding with zeros$/,
  /(socket|door) ignored$/,
  /file ignored$/,
  /^Exiting with failure status due to previous errors$/,
  /^Warning: /,
]
const notArchived = /^(?:Cannot (?:stat|open|readlink|access)\b.*: (.*)|(File removed before we read it))$/

function reasonsFor(complaints: readonly string[]): Map<string, string> {
  const reasons = new Map<string, string>()
  for (const { path, text } of complaints.map(parseComplaint)) {
    const match = notArchived.exec(text)
    if (path !== null && match) reasons.set(path, match[1] ?? 'No such file or directory')
  }
  return reasons
}

function refuseUnexplained(complaints: readonly string[], exitCode: number): void {
  const parsed = complaints.map(parseComplaint)
  const bad = parsed.find(({ path, text }) => !(path !== null && notArchived.test(text)) && !harmless.some((known) => known.test(text)))
  if (!bad && complaints.length > 0) return
  const where = bad?.path == null ? '' : `${shownPath(bad.path)}: `
  const type = /^(Read error|Cannot read)/.test(bad?.text ?? '') ? 'SourceUnreadable' : 'CommandFailed'
  throw new MusterError(type, `tar failed with exit code ${exitCode}: ${where}${bad?.text ?? 'it did not say why'}`)
}
