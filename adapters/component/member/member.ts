/**
 * A *member* is one path that a restore replaces: a data directory, or one path of a tree. Beside it
 * (inside it where it is a mount point) stands its work directory, with what was restored, the
 * epochs, the journal and what was set aside:
 *
 * ```
 * .muster-<system>-<component>/
 *   aside/data            restored, not yet in place
 *   epoch-000007/old      set aside      the number is the newest attempt that may act:
 *   epoch-000007/new      about to go in   taking over renames this directory
 *   safety-<run>          the safety set of an earlier restore
 *   journal.jsonl         each rename, before and after
 * ```
 */
import { statfs } from 'node:fs/promises'
import { access, constants, lstat, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { SetAsideMethod } from '../../../domain/decision.ts'

export interface Member {
  readonly path: string
  readonly workDirectory: string
  readonly method: SetAsideMethod
  readonly reason: string
}

const overlayfs = 0x794c7630

/**
 * Where a member's work directory is and how what is there would be set aside.
 * `name` is unique among the members of a system, such as `shop-database`.
 */
export async function inspectMember(path: string, name: string): Promise<Member> {
  const real = await realpath(path).catch(() => path)
  const found = await lstat(real).catch(() => null)
  const outside = join(dirname(real), `.muster-${name}`)
  if (found === null) return { path: real, workDirectory: outside, method: 'none', reason: 'nothing is there' }
  if (!found.isDirectory()) return { path: real, workDirectory: outside, method: 'rename', reason: 'it is one file' }
  // A name that begins with pgsql_tmp is left out by base backups, so a data directory may hold it.
  const inside = join(real, `pgsql_tmp.muster-${name}`)
  if (await isMountPoint(real)) return { path: real, workDirectory: inside, method: 'rename-contents', reason: 'it is a mount point' }
  if (!(await canWrite(dirname(real)))) return { path: real, workDirectory: inside, method: 'rename-contents', reason: `${dirname(real)} is not writable` }
  const { type } = await statfs(real)
  if (type === overlayfs) return { path: real, workDirectory: outside, method: 'copy', reason: 'it lies on an overlay, which cannot rename directories' }
  return { path: real, workDirectory: outside, method: 'rename', reason: 'same filesystem' }
}

export async function isMountPoint(path: string): Promise<boolean> {
  const [own, parent] = await Promise.all([stat(path), stat(dirname(path))])
  return own.dev !== parent.dev || own.ino === parent.ino
}

async function canWrite(directory: string): Promise<boolean> {
  return access(directory, constants.W_OK).then(
    () => true,
    () => false,
  )
}

/** The entry of a member that is its own work directory, if it stands inside. */
export function ownEntry(member: Member): string | null {
  return dirname(member.workDirectory) === member.path ? basename(member.workDirectory) : null
}

export function asideDirectory(member: Pick<Member, 'workDirectory'>): string {
  return join(member.workDirectory, 'aside')
}

/** Where the restored copy is before it is swapped in. */
export function asideData(member: Pick<Member, 'workDirectory'>): string {
  return join(asideDirectory(member), 'data')
}

export function safetyPath(member: Pick<Member, 'workDirectory'>, run: string): string {
  return join(member.workDirectory, `safety-${run}`)
}
