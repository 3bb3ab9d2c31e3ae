/** When a disk counts as low: the larger of 10 % and 5 GB unless the config says. */
import type { FreeSpace } from '../adapters/component/postgresql/wal-source.ts'

const reserveShare = 0.1
const reserveBytes = 5_000_000_000

export function isDiskLow(spaces: readonly FreeSpace[], configuredBytes: number | undefined): boolean {
  return spaces.some(({ freeBytes, totalBytes }) => freeBytes < (configuredBytes ?? Math.max(totalBytes * reserveShare, reserveBytes)))
}
