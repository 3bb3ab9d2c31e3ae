/** What the rules of a tree leave out, for one path of it: made in the restored copy what it is at the target. */
import { rm, writeFile } from 'node:fs/promises'
import type { CarriedOver } from '../../../adapters/component/files/carry-over.ts'
import type { LeftOut, RuledRoot } from '../../../domain/tree-rules.ts'
import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { claimOf } from './claims.ts'
import { nothingNote } from './places.ts'
import type { RuledMember, RuledTree } from './ruled-tree.ts'

export interface CarriedMember {
  readonly carried: CarriedOver
  /** For what else is done to the copy by the same attempt. */
  readonly copy: {
    readonly newRoot: string
    readonly number: number
    readonly root: RuledRoot
    readonly leftOut: LeftOut
    readonly mayAct: () => Promise<void>
  }
}

/** Takes the epoch of the path. Idempotent. @throws MusterError EpochSuperseded and what `carryOver` throws */
export async function carryMember(agent: Agent, { index, stagingDirectory }: RuledTree, of: RuledMember, leftOut: LeftOut, work: Work): Promise<CarriedMember> {
  const { member, number, root, ownEntry, fileName } = of
  const epoch = await agent.members.takeEpoch(member, claimOf(work))
  const mayAct = () => agent.members.assertNewest(member, epoch)
  work.progress({ phase: `rules of ${member.path}`, doneBytes: number, totalBytes: null })
  await work.assertCurrent()
  const copy = { newRoot: agent.members.asideData(member), number, root, leftOut, mayAct }
  const carried = await agent.files.carryOver(
    { ...copy, oldRoot: member.path, ownEntry, fileName, index: index.entries(), stagingDirectory },
    { signal: work.signal, label: work.label, onProgress: (progress) => work.progress(progress) },
  )
  await noteNothing(nothingNote(agent, member), carried.isNothing)
  return { carried, copy }
}

async function noteNothing(note: string, isNothing: boolean): Promise<void> {
  if (isNothing) await writeFile(note, '', { mode: 0o600, flush: true })
  else await rm(note, { force: true })
}
