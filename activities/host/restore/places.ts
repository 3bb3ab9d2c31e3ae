/** Where things of a restore are on its host: derived from the decision, so that every attempt and every step agree. */
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Member } from '../../../adapters/component/member/member.ts'
import type { FilesDecision, PostgresqlDecision } from '../../../domain/decision.ts'
import type { TreeIndexRoot } from '../../../domain/tree-index.ts'
import type { Agent } from '../../agent.ts'
import { runShort } from '../staging-place.ts'
import type { AnyStep, DatabaseStep, TreeStep } from './types.ts'

export interface QuarantinePlace {
  readonly directory: string
  readonly socketDirectory: string
  readonly port: number
  readonly logFile: string
}

type StepOf<D> = Pick<AnyStep, 'system' | 'mode'> & { readonly decision: D }

export function databaseMember(agent: Agent, { system, mode, decision }: StepOf<PostgresqlDecision>): Member {
  const name =
    mode === 'standby' ? standbyName(system, decision.component) : memberName(system, decision.component, 0, mode === 'elsewhere' ? decision.directory : null)
  return agent.members.describeMember(decision.directory, name, decision.setAside)
}

export function treeMembers(agent: Agent, { system, mode, decision }: StepOf<FilesDecision>): readonly Member[] {
  return decision.members.map((one, index) => {
    const name = memberName(system, decision.component, index, mode === 'elsewhere' ? one.into : null)
    return agent.members.describeMember(one.into, name, one.setAside)
  })
}

/**
 * A restore elsewhere works in a directory of its own, also where its target stands beside what is in service: that
 * one's work directory holds the safety sets.
 * @param into the target of a restore elsewhere, null in place
 */
export function memberName(system: string, component: string, index: number, into: string | null): string {
  const name = index === 0 ? `${system}-${component}` : `${system}-${component}-${index}`
  return into === null ? name : `${name}-into-${createHash('sha256').update(into).digest('hex').slice(0, 10)}`
}

/** The copy that is kept for a failover works beside the data directory too, in a directory of its own. */
export function standbyName(system: string, component: string): string {
  return `${memberName(system, component, 0, null)}-standby`
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
  const member = databaseMember(agent, step)
  return quarantineOf(member, agent.members.asideData(member))
}

/** The server at its final place, still closed. */
export function closedPlace(agent: Agent, step: DatabaseStep): QuarantinePlace {
  const member = databaseMember(agent, step)
  return quarantineOf(member, step.decision.directory)
}

/** A restore's own short name, from `<workflow id>:<run id>`: what safety sets and new tablespace directories carry. */
export function restoreShort(step: { readonly run: string }): string {
  return runShort(step.run.split(':').at(-1) ?? step.run)
}

/** The directories that a restored copy has outside its data directory; new ones, made by this restore. */
export function newDirectories(decision: PostgresqlDecision): readonly string[] {
  const tablespaces = [...decision.tablespaces, ...(decision.youngTablespaces ?? [])]
  return [...tablespaces.map(({ into }) => into), ...(decision.walInto === undefined ? [] : [decision.walInto])]
}

/** What the old data has outside its data directory, and what stays where it is as members of the safety set. */
export function alsoSetAside({ alsoSetAside: named, tablespaces }: PostgresqlDecision): readonly string[] {
  return named ?? tablespaces.filter(({ path, into }) => path !== into).map(({ path }) => path)
}

export function treeAside(agent: Agent, step: TreeStep, index: number): string {
  const member = treeMembers(agent, step)[index] as Member
  return agent.members.asideData(member)
}

/** What a step replaces, member by member. */
export function membersOf(agent: Agent, step: AnyStep): readonly Member[] {
  return step.decision.type === 'postgresql' ? [databaseMember(agent, step as DatabaseStep)] : treeMembers(agent, step as TreeStep)
}

/** Files of a restored tree as they were before text in them was replaced; on the same disk, gone with the swap. */
export function originalsDirectory(agent: Agent, member: Member): string {
  return join(agent.members.asideDirectory(member), 'originals')
}

/** Of a path that is one file: the name under which it lies in its restored copy; null of a directory. */
export function fileNameOf(root: TreeIndexRoot | undefined): string | null {
  return root?.type === 'file' ? basename(root.realpath) : null
}

/** Where it is noted, for the swap, which reads no index. */
export function fileNameNote(agent: Agent, member: Member): string {
  return join(agent.members.asideDirectory(member), 'file-name')
}

/** Says that a rule leaves a whole path out, and that nothing is at its target: the swap leaves it so. */
export function nothingNote(agent: Agent, member: Member): string {
  return join(agent.members.asideDirectory(member), 'nothing')
}
