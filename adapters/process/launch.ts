import { spawnSync } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { basename, delimiter, join, resolve } from 'node:path'
import { MusterError } from '../../domain/failures.ts'
import { withoutNetwork } from './network-namespace.ts'
import { allowsPrivateMounts, type PrivateMount, privateMountWords } from './private-mounts.ts'
import { userToBecome } from './operating-system-user.ts'
import type { ToolOptions } from './process.ts'

/** What is really executed: the program behind the wrappers that set user, priority and death signal. */
export interface Launch {
  readonly program: string
  readonly file: string
  readonly args: readonly string[]
  readonly env: Record<string, string>
  readonly cwd: string
  /** Set only where no `setpriv` can change the user; the user's other groups are lost then. */
  readonly identity: { readonly uid?: number; readonly gid?: number }
}

type LaunchOptions = Pick<ToolOptions, 'cwd' | 'env' | 'runAs' | 'label' | 'kind' | 'noNetwork'> & {
  /** Whether the kernel kills the process when the agent ends. */
  readonly diesWithAgent: boolean
  readonly mounts?: readonly PrivateMount[]
}

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const installHint = 'install it on this host and make sure that it is on the PATH of the agent, then run: muster doctor'

/**
 * Resolves program, user and wrappers before anything is started, so that a missing program is told apart
 * from a program that failed.
 * @throws MusterError CommandFailed when the program is missing, PreconditionFailed for a user or directory
 */
export function prepareLaunch(command: string, args: readonly string[], options: LaunchOptions): Launch {
  const user = userToBecome(options.runAs)
  const cwd = options.cwd ?? '/'
  if (!isDirectory(cwd)) {
    throw new MusterError('PreconditionFailed', `the directory ${cwd} to run ${basename(command)} in does not exist`)
  }
  const env: Record<string, string> = {
    PATH: process.env['PATH'] || defaultPath,
    HOME: user?.home ?? process.env['HOME'] ?? '/',
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    ...options.env,
    ...(options.label === undefined ? {} : { MUSTER_LABEL: options.label }),
  }
  const program = findProgram(command, env['PATH'] ?? defaultPath, cwd)
  const abilities = setprivAbilities()
  const setpriv = [
    // One setpriv does both: it sets the death signal last, after the change of user that would clear it.
    ...(user && abilities.user ? [`--reuid=${user.userId}`, `--regid=${user.groupId}`, '--init-groups'] : []),
    ...(options.diesWithAgent && abilities.deathSignal ? ['--pdeathsig', 'KILL'] : []),
  ]
  const isolated = options.noNetwork ? (withoutNetwork(systemProgram('unshare')) ?? []) : []
  const line = [
    ...mountWords(options.mounts ?? []),
    ...isolated,
    ...(setpriv.length > 0 ? [abilities.path, ...setpriv, '--'] : []),
    ...(options.kind === 'kind' ? kindWrappers() : []),
    program,
    ...args,
  ]
  const identity = user && !abilities.user ? { uid: user.userId, gid: user.groupId } : {}
  return { program: basename(command), file: line[0] ?? program, args: line.slice(1), env, cwd, identity }
}

/** The words before a command by which the kernel kills it when the process that started it has ended; none where no `setpriv` can. */
export function deathSignalWrapper(): readonly string[] {
  const { path, deathSignal } = setprivAbilities()
  return deathSignal ? [path, '--pdeathsig', 'KILL', '--'] : []
}

/** Whether a command would be found and may be run; a path, or a name that is looked for as `launch` does. Starts nothing. */
export function hasProgram(command: string): boolean {
  return programOf(command, process.env['PATH'] ?? defaultPath, process.cwd()) !== undefined
}

function findProgram(command: string, path: string, cwd: string): string {
  const found = programOf(command, path, cwd)
  if (found === undefined) {
    throw new MusterError('CommandFailed', `the program ${command} was not found on this host`, { hint: installHint })
  }
  return found
}

function programOf(command: string, path: string, cwd: string): string | undefined {
  const candidates = command.includes('/')
    ? [resolve(cwd, command)]
    : path
        .split(delimiter)
        .filter(Boolean)
        .map((directory) => join(directory, command))
  return candidates.find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

let abilities: { readonly path: string; readonly user: boolean; readonly deathSignal: boolean } | undefined

/** Small systems have a `setpriv` without these options; its own help says which it has. */
function setprivAbilities(): { readonly path: string; readonly user: boolean; readonly deathSignal: boolean } {
  if (abilities) return abilities
  const path = systemProgram('setpriv')
  const help = path ? spawnSync(path, ['--help'], { encoding: 'utf8' }).stdout : ''
  abilities = { path: path ?? '', user: help.includes('--init-groups'), deathSignal: help.includes('--pdeathsig') }
  return abilities
}

function kindWrappers(): string[] {
  const nice = systemProgram('nice')
  const ionice = systemProgram('ionice')
  return [...(nice ? [nice, '-n', '10'] : []), ...(ionice ? [ionice, '-t', '-c', '2', '-n', '7'] : [])]
}

function mountWords(mounts: readonly PrivateMount[]): readonly string[] {
  if (mounts.length === 0) return []
  const unshare = systemProgram('unshare')
  if (unshare !== undefined && allowsPrivateMounts(unshare)) return privateMountWords(unshare, mounts)
  throw new MusterError('PreconditionFailed', `this host does not let the agent keep a process out of ${mounts[0]?.path}`, { hint: 'run the agent as root' })
}

export function systemProgram(name: string): string | undefined {
  return defaultPath
    .split(delimiter)
    .map((directory) => join(directory, name))
    .find(isExecutable)
}
