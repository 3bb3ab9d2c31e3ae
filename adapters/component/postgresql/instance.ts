import type { Stats } from 'node:fs'
import { chmod, chown, mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { PostgresqlComponentConfig } from '../../../domain/config.ts'
import { MusterError } from '../../../domain/failures.ts'
import { userToBecome } from '../../process/operating-system-user.ts'
import { runTool } from '../../process/run-tool.ts'
import { chownTo } from './owned-files.ts'

/** One configured PostgreSQL component on this host, with its secret resolved. */
export interface PostgresqlInstance {
  readonly system: string
  readonly component: string
  readonly config: PostgresqlComponentConfig
  readonly password: string | null
  /**
   * Scratch for password files; made 0700 and given to the component's operating-system user on first use.
   * That user must be able to reach it: every directory above it needs the x bit for others.
   */
  readonly runDirectory: string
}

/** `system/component`, as messages name it. */
export function nameOf(instance: PostgresqlInstance): string {
  return `${instance.system}/${instance.component}`
}

/**
 * The operating-system user that runs the tools: `runAs`, or the owner of the data directory when the agent
 * is root; undefined when the agent runs them itself. The owner is remembered, by the owner of the scratch directory,
 * for the day when the data directory is gone.
 * @throws MusterError PreconditionFailed when no such user can be told or become
 */
export async function osUserOf(instance: PostgresqlInstance): Promise<string | undefined> {
  const user = instance.config.runAs ?? (process.geteuid?.() === 0 ? await nameOfOwner(await ownerOf(instance)) : undefined)
  return userToBecome(user) === null ? undefined : user
}

async function ownerOf({ config, runDirectory }: PostgresqlInstance): Promise<Stats> {
  const { dataDirectory } = config
  const [owner, remembered] = await Promise.all([stat(dataDirectory).catch(() => null), stat(runDirectory).catch(() => null)])
  if (owner !== null && owner.uid !== 0) {
    if (remembered?.uid !== owner.uid) await remember(runDirectory, owner)
    return owner
  }
  if (owner === null && remembered !== null && remembered.uid !== 0) return remembered
  const reason = owner === null ? `${dataDirectory} does not exist` : `${dataDirectory} belongs to root`
  throw new MusterError('PreconditionFailed', `cannot tell which operating-system user runs PostgreSQL: ${reason}`, {
    hint: 'name the user in the component: runAs: postgres',
  })
}

async function remember(runDirectory: string, { uid, gid }: Stats): Promise<void> {
  await makeAbove(runDirectory)
  await mkdir(runDirectory, { recursive: true, mode: 0o700 })
  await chown(runDirectory, uid, gid)
}

async function nameOfOwner({ uid }: Stats): Promise<string> {
  const { stdout } = await runTool('getent', ['passwd', String(uid)])
  return stdout.split(':')[0] ?? ''
}

/** A recursive mkdir would close the directories above to other users too. */
async function makeAbove(runDirectory: string): Promise<void> {
  const above = dirname(runDirectory)
  if ((await mkdir(above, { recursive: true, mode: 0o711 })) !== undefined) await chmod(above, 0o711)
}

/**
 * The instance's scratch directory, made where it is missing. Idempotent.
 * @throws MusterError PreconditionFailed when the operating-system user cannot reach it
 */
export async function prepareRunDirectory(instance: PostgresqlInstance): Promise<string> {
  const { runDirectory } = instance
  await makeAbove(runDirectory)
  await mkdir(runDirectory, { recursive: true, mode: 0o700 })
  await chmod(runDirectory, 0o700)
  await chownTo(runDirectory, await osUserOf(instance))
  await assertReachable(instance, runDirectory)
  return runDirectory
}

/**
 * Proves that the tools' user can enter a directory and write, or only read, what is in it.
 * @throws MusterError PreconditionFailed naming the user and the directory
 */
export async function assertReachable(instance: PostgresqlInstance, directory: string, right: 'read' | 'write' = 'write'): Promise<void> {
  const runAs = await osUserOf(instance)
  const options = { ...(runAs === undefined ? {} : { runAs }), okExitCodes: [0, 1] }
  const { exitCode } = await runTool('test', [right === 'write' ? '-w' : '-r', `${directory}/.`], options)
  if (exitCode === 0) return
  const who = runAs === undefined ? 'the agent' : `the operating-system user ${runAs}`
  throw new MusterError('PreconditionFailed', `${who} cannot ${right} ${directory}`, {
    hint: `give it the right to pass through the directories above it: chmod o+x`,
  })
}
