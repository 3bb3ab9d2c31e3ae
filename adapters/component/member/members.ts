/** Members as the activities see them: where a path's work directory is, epochs, and swaps. */
import { makeAside, ownWorkDirectory } from './aside.ts'
import { besideSize, inspectBeside, newPathBeside, otherLivesIn } from './beside.ts'
import { placeNew, removeWork } from './elsewhere.ts'
import { assertNewest, insistNewest, takeEpoch } from './epochs.ts'
import { asideData, asideDirectory, inspectMember, isMountPoint, safetyPath } from './member.ts'
import { describeMember, removeAside, removeRemains, removeTail, sizeOf } from './remains.ts'
import { keepSafetySet, swapIn } from './swap.ts'
import { swapBack } from './swap-back.ts'
import { endUsersOf } from './users.ts'

export const members = {
  asideData,
  asideDirectory,
  assertNewest,
  besideSize,
  describeMember,
  endUsersOf,
  insistNewest,
  inspectBeside,
  inspectMember,
  isMountPoint,
  keepSafetySet,
  makeAside,
  newPathBeside,
  placeNew,
  otherLivesIn,
  ownWorkDirectory,
  removeAside,
  removeRemains,
  removeTail,
  removeWork,
  safetyPath,
  sizeOf,
  swapBack,
  swapIn,
  takeEpoch,
} as const

export type MembersPort = typeof members
