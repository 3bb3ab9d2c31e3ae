/** Where things of a restore are on its host: derived from the decision, so that every attempt and every step agree. */
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Member } from '../../../adapters/component/member/member.ts'
import type { FilesDecision, PostgresqlDecision } from '../../../domain/decision.ts'
import type { Agent } from '../../agent.ts'
import { runShort } from '../staging-place.ts'
import type { DatabaseStep, TreeStep } from './types.ts'

export interface QuarantinePlace {
  readonly directory: string
  readonly socketDirectory: string
  readonly port: number
  readonly logFile: string
}

export function databaseMember(agent: Agent, system: string, decision: PostgresqlDecision): Member {
  return agent.members.describeMember(decision.directory, `${system}-${decision.component}`, decision.setAside)
}

export function treeMembers(agent: Agent, system: string, decision: FilesDecision): readonly Member[] {
  return decision.members.map((one, index) => agent.members.describeMember(one.into, treeMemberName(system, decision.component, index), one.setAside))
}

export function treeMemberName(system: string, component: string, index: number): string {
  return index === 0 ? `${system}-${component}` : `${system}-${component}-${index}`
}

export function walDirectory(member: Pick<Member, 'workDirectory'>): string {
  return join(member.workDirectory, 'wal')
}

/** Socket paths are short by law (107 bytes), so the private directory is named by a hash of the work directory. */
export function quarantineOf(member: Member, directory: string): QuarantinePlace {
  const short = createHash('sha256').update(member.workDirectory).digest('hex').slice(0, 10)
  const socketDirectory = join(tmpdir(), `muster-${short}`)
  return { directory, socketDirectory, port: 5432, logFile: join(socketDirectory, 'server.log') }
}

export function asideQuarantine(agent: Agent, step: DatabaseStep): QuarantinePlace {
  const member = databaseMember(agent, step.system, step.decision)
  return quarantineOf(member, agent.members.asideData(member))
}

/** The server at its final place, still closed. */
export function closedPlace(agent: Agent, step: DatabaseStep): QuarantinePlace {
  const member = databaseMember(agent, step.system, step.decision)
  return quarantineOf(member, step.decision.directory)
}

/** A restore's own short name, from `<workflow id>:<run id>`: what safety sets and new tablespace directories carry. */
export function restoreShort(step: { readonly run: string }): string {
  return runShort(step.run.split(':').at(-1) ?? step.run)
}

/**
 * A tablespace never goes back to the old path, or old and new would share files and nothing could be rolled back.
 * Beside the old one, or inside where that is a mount point.
 */
export function newTablespacePath(oldPath: string, isMountPoint: boolean, short: string): string {
  if (isMountPoint) return join(oldPath, `muster-${short}`)
  return `${oldPath.replace(/-[0-9a-f]{8}$/, '').replace(/\/muster-[0-9a-f]{8}$/, '/muster')}-${short}`
}

export function treeAside(agent: Agent, step: TreeStep, index: number): string {
  const member = treeMembers(agent, step.system, step.decision)[index] as Member
  return agent.members.asideData(member)
}
