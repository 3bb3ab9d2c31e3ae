/** A tree of a step with what its rules need: its backup, and each of its paths as it was and as it goes. */
import { mkdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Member } from '../../../adapters/component/member/member.ts'
import type { TreeIndex } from '../../../adapters/component/files/list.ts'
import type { FilesManifest } from '../../../domain/repository-format.ts'
import type { RuledRoot } from '../../../domain/tree-rules.ts'
import { createBackupSource } from '../../../repository/read-backup.ts'
import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { fileNameOf, treeMembers } from './places.ts'
import type { TreeStep } from './types.ts'

export interface RuledTree {
  readonly manifest: FilesManifest
  readonly index: TreeIndex
  readonly stagingDirectory: string
  readonly members: readonly RuledMember[]
}

export interface RuledMember {
  readonly number: number
  readonly member: Member
  readonly root: RuledRoot
  /** Of a path that is one file, its name in the index and in the restored copy; null of a directory. */
  readonly fileName: string | null
  /** The work directory's own name, where it stands inside the tree. */
  readonly ownEntry: string | null
}

/** Opens the index of a backup for as long as `work` lasts; staging is empty afterwards. */
export async function withRuledTree<T>(
  agent: Agent,
  step: TreeStep,
  manifest: FilesManifest,
  { signal, label }: Pick<Work, 'signal' | 'label'>,
  purpose: string,
  use: (tree: RuledTree) => Promise<T>,
): Promise<T> {
  const { config } = await agent.config(step.configHash)
  const stagingDirectory = join(agent.hostDirectory, 'staging', `${purpose}.${step.system}.${step.component}`)
  await rm(stagingDirectory, { recursive: true, force: true })
  await mkdir(stagingDirectory, { recursive: true, mode: 0o711 })
  try {
    const store = await agent.store(config, step.decision.fromStore)
    const source = createBackupSource(store, await agent.decryption(config, step.identityFile), manifest, { signal, label })
    const index = await agent.files.openIndex(source, stagingDirectory, { signal, label })
    const members = treeMembers(agent, step).map((member, number) => ({
      fileName: fileNameOf(index.header.roots[number]),
      number,
      member,
      root: { was: index.header.roots[number]?.path ?? member.path, goes: step.decision.members[number]?.path ?? member.path },
      ownEntry: dirname(member.workDirectory) === member.path ? basename(member.workDirectory) : null,
    }))
    return await use({ manifest, index, stagingDirectory, members })
  } finally {
    await rm(stagingDirectory, { recursive: true, force: true })
  }
}
