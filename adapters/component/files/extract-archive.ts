import { accessSync, constants } from 'node:fs'
import { type ExpectedMembers, memberChecker } from '../../../domain/archive-members.ts'
import { MusterError } from '../../../domain/failures.ts'
import { runTool, startTool, toolExitOf } from '../../process/run-tool.ts'
import type { WorkOptions } from '../component.ts'
import { listOf, only } from './create-archive.ts'
import { listingArguments, listingEnvironment, parseMember } from './tar-listing.ts'
import { saysDiskFull } from './tree-failures.ts'

/**
 * Reads an archive's list of members, without extracting anything, and holds it against the index:
 * every member, its type, size, mode, owner and link. Left at the first member that breaks a rule.
 * @throws MusterError HostileArchive naming the member | CommandFailed
 */
export async function checkArchive(file: string, expected: ExpectedMembers, options: WorkOptions): Promise<void> {
  const checker = memberChecker(expected)
  // Absolute names: as they stand in the archive, which is what the rules are about. Nothing is extracted here.
  const args = ['--list', '--verbose', '--absolute-names', ...listingArguments, decompress, `--file=${file}`]
  const tool = startTool('tar', args, {
    env: listingEnvironment,
    stdin: '',
    stdout: 'stream',
    ...only(options, ['label', 'signal']),
  })
  let rest = ''
  try {
    for await (const chunk of tool.stdout.setEncoding('latin1') as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) checker.check(parseMember(line) ?? unreadableLine(expected.object))
    }
  } catch (error) {
    await tool.end()
    throw asUnreadable(error, expected.object)
  }
  checker.finish()
}

/**
 * Extracts an archive that `checkArchive` has passed. As root, tar keeps only the rights that owners, modes
 * and times need: it can make no device and change no other process. Special attributes that grant rights
 * (`security.*`) are not set.
 * @throws MusterError DiskFull | CommandFailed | Cancelled
 */
export async function extractArchive(
  file: string,
  directory: string,
  /** Only these members; all where absent. */
  members: readonly string[] | undefined,
  options: WorkOptions,
): Promise<void> {
  const [program, ...wrapper] = [...confinement(), 'tar']
  const args = [...wrapper, ...extractArguments(), `--file=${file}`, ...(members ? selection : [])]
  try {
    await runTool(program as string, args, {
      cwd: directory,
      env: listingEnvironment,
      stdin: members ? listOf(members) : '',
      ...only(options, ['label', 'signal']),
    })
  } catch (error) {
    const said = `${error instanceof Error ? error.message : ''} ${toolExitOf(error)?.stderrTail ?? ''}`
    if (!saysDiskFull(said)) throw error
    throw new MusterError('DiskFull', `no space left on the disk of ${directory}`, { cause: error })
  }
}

/** tar adds `-d` itself. */
const decompress = '--use-compress-program=zstd'

const selection = ['--null', '--no-unquote', '--verbatim-files-from', '--no-recursion', '--files-from=-'] as const

function extractArguments(): string[] {
  const owners = isRoot() ? ['--same-owner', '--numeric-owner'] : ['--no-same-owner']
  return ['--extract', ...owners, '--same-permissions', '--delay-directory-restore', '--acls', '--xattrs', decompress]
}

function confinement(): string[] {
  if (!isRoot() || !hasSetpriv()) return []
  return ['setpriv', '--no-new-privs', '--bounding-set=-all,+chown,+dac_override,+fowner,+fsetid', '--']
}

export function isRoot(): boolean {
  return process.getuid?.() === 0
}

/** Small systems lack it; what it adds is then missing, the rest works. */
export function hasSetpriv(): boolean {
  try {
    accessSync('/usr/bin/setpriv', constants.X_OK)
    return true
  } catch {
    return false
  }
}

function unreadableLine(object: string): never {
  throw new MusterError('HostileArchive', `${object}: tar lists a member that cannot be understood`)
}

/** The bytes are those of the signed manifest: an archive that tar cannot read was made like that. */
function asUnreadable(error: unknown, object: string): unknown {
  if (toolExitOf(error)?.exitCode !== 2) return error
  return new MusterError('HostileArchive', `${object} is not an archive that tar can read`, { cause: error })
}
