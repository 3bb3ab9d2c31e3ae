/**
 * The `files` component: trees of files, links and directories. See domain/tree-index.ts for what a
 * backup of one holds and docs/repository-format.md for how it is restored by hand.
 */
import { runAfterCommands } from './after.ts'
import { carryOver } from './carry-over.ts'
import { compareTree } from './compare-tree.ts'
import { inspectTree } from './inspect.ts'
import { takeInventory } from './inventory.ts'
import { openIndex, readIndex } from './list.ts'
import { copyNewerFiles } from './newer-files.ts'
import { produceTree } from './produce.ts'
import { restoreTree } from './restore.ts'
import { substituteTexts } from './substitute-texts.ts'

export interface FilesPort {
  readonly inspectTree: typeof inspectTree
  readonly produceTree: typeof produceTree
  readonly restoreTree: typeof restoreTree
  readonly openIndex: typeof openIndex
  readonly readIndex: typeof readIndex
  readonly copyNewerFiles: typeof copyNewerFiles
  readonly compareTree: typeof compareTree
  readonly carryOver: typeof carryOver
  readonly substituteTexts: typeof substituteTexts
  readonly runAfterCommands: typeof runAfterCommands
  readonly takeInventory: typeof takeInventory
}

export const files: FilesPort = {
  inspectTree,
  produceTree,
  restoreTree,
  openIndex,
  readIndex,
  copyNewerFiles,
  compareTree,
  carryOver,
  substituteTexts,
  runAfterCommands,
  takeInventory,
}
