/** Sizes of members, and removing what a restore no longer needs. */
import { dirname, join } from 'node:path'
import type { SetAsideMethod } from '../../../domain/decision.ts'
import { runTool } from '../../process/run-tool.ts'
import { discard } from './discard.ts'
import type { Epoch } from './epochs.ts'
import { asideDirectory, type Member } from './member.ts'
import { exists } from './moves.ts'

/** A member as its decision has it: what is found now must not change how a swap that began is ended. */
export function describeMember(path: string, name: string, method: SetAsideMethod): Member {
  const inside = method === 'rename-contents'
  const workDirectory = inside ? join(path, `pgsql_tmp.muster-${name}`) : join(dirname(path), `.muster-${name}`)
  return { path, workDirectory, method, reason: 'as planned' }
}

/** Bytes on the disk; 0 where nothing is. Another filesystem mounted inside does not count. */
export async function sizeOf(path: string): Promise<number> {
  if (!(await exists(path))) return 0
  const { stdout } = await runTool('du', ['--summarize', '--block-size=1', '--one-file-system', '--', path], { okExitCodes: [0, 1] })
  return Number(stdout.split('\t')[0] ?? 0) || 0
}

/** Removes what was restored aside; never what was set aside. Idempotent. @throws MusterError EpochSuperseded */
export async function removeAside(member: Member, epoch: Epoch): Promise<void> {
  await discard(member, epoch, asideDirectory(member))
}

/** Removes what was worked on while the tail was saved. Idempotent. @throws MusterError EpochSuperseded */
export async function removeTail(member: Member, epoch: Epoch): Promise<void> {
  await discard(member, epoch, join(member.workDirectory, 'tail'))
}

/** Removes everything that a restore needed on its way: the copy, the fetched WAL, the tail. Idempotent. @throws MusterError EpochSuperseded */
export async function removeRemains(member: Member, epoch: Epoch): Promise<void> {
  await removeAside(member, epoch)
  await discard(member, epoch, join(member.workDirectory, 'wal'))
  await removeTail(member, epoch)
  await discard(member, epoch, join(epoch.directory, 'new'))
}
