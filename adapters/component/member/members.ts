/** Members as the activities see them: where a path's work directory is, epochs, and swaps. */
import { assertNewest, takeEpoch } from './epochs.ts'
import { asideData, asideDirectory, inspectMember, isMountPoint, safetyPath } from './member.ts'
import { describeMember, removeAside, sizeOf } from './remains.ts'
import { keepSafetySet, swapBack, swapIn } from './swap.ts'

export const members = {
  asideData,
  asideDirectory,
  assertNewest,
  describeMember,
  inspectMember,
  isMountPoint,
  keepSafetySet,
  removeAside,
  safetyPath,
  sizeOf,
  swapBack,
  swapIn,
  takeEpoch,
} as const

export type MembersPort = typeof members
