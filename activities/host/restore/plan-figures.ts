/** What the plan of a component counts. */
import type { SetAsideMethod } from '../../../domain/decision.ts'
import { MusterError } from '../../../domain/failures.ts'
import { type Lsn, parseLsn } from '../../../domain/wal.ts'

export interface WalReach {
  readonly path: { readonly base: { readonly endLsn: string } }
  readonly fetchUntilLsn: bigint
}

/** Each once; a tablespace that is younger than the backup is there too, only in the old data. */
export function setAsideBeside(tablespaces: readonly { readonly path: string }[], walDirectory: string | null): readonly string[] {
  return [...new Set([...tablespaces.map(({ path }) => path), ...(walDirectory === null ? [] : [walDirectory])])].sort()
}

/** What a recovery replays: from where the base backup began, which has the WAL to its own end with it. */
export function replayBytes({ path, fetchUntilLsn }: { readonly path: { readonly base: { readonly startLsn: string } }; readonly fetchUntilLsn: Lsn }): number {
  return Math.max(0, Number(fetchUntilLsn - parseLsn(path.base.startLsn)))
}

export function walBytes(choice: WalReach): number {
  const start = choice.path.base.endLsn.split('/').map((half) => BigInt(`0x${half}`))
  const from = ((start[0] ?? 0n) << 32n) | (start[1] ?? 0n)
  return choice.fetchUntilLsn > from ? Number(choice.fetchUntilLsn - from) : 0
}

export function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`
}

/**
 * Bytes that setting aside takes on top of the restored copy: where directories cannot be renamed the old data is
 * copied away, and the restored copy into its place.
 */
export function setAsideBytes(method: SetAsideMethod, oldBytes: number, newBytes: number): number {
  return method === 'copy' ? Math.max(oldBytes, newBytes) : 0
}

/** @throws MusterError NotEnoughSpace with the number */
export function refuseTooSmall(what: string, place: string, neededBytes: number, freeBytes: number): void {
  if (freeBytes >= neededBytes) return
  throw new MusterError('NotEnoughSpace', `restoring ${what} needs ${megabytes(neededBytes)} beside ${place}, ${megabytes(freeBytes)} are free`, {
    hint: `free ${megabytes(neededBytes - freeBytes)} there, or restore elsewhere: --into DIR`,
  })
}
