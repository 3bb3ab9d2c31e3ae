/**
 * From which base backup, along which incarnations, a moment can be reached; and the
 * recoverable windows that follow from it. Only LSNs count here: what is contiguous.
 *
 * Example: base backup at 0/3000028 of incarnation A (timeline 1); B (timeline 2) left A at
 * 0/5000100. A's shipments reach 0/6000000, B's go from 0/5000000 to 0/7000200. A moment of B is
 * reached by A's WAL up to 0/5000100, then B's: until 0/7000200. A's own window still reaches
 * 0/6000000: a branch that was left, but not lost.
 */
import { lineage } from './control-state.ts'
import type { Incarnation } from './repository-format.ts'
import { toMicros } from './times.ts'
import { type Lsn, parseLsn } from './wal.ts'
import { replayableUntil, type WalRange } from './wal-shipments.ts'

export interface BaseFacts {
  readonly backup: string
  readonly incarnation: string
  readonly startLsn: string
  /** Recovery is consistent from here on. */
  readonly endLsn: string
  readonly endedAt: string
}

/** Shipments by incarnation. */
export type Shipments<S extends WalRange = WalRange> = ReadonlyMap<string, readonly S[]>

export interface RecoveryPath {
  readonly base: BaseFacts
  /** Oldest first; the last is the incarnation aimed at. */
  readonly incarnations: readonly Incarnation[]
  /** First LSN that cannot be replayed, on the last incarnation (or on the one where WAL ends). */
  readonly untilLsn: Lsn
  /** False when WAL ends before the last incarnation begins. */
  readonly reachesTip: boolean
}

/** How far one base backup leads towards an incarnation; null when it is not of its lineage or was taken after a fork. */
export function pathFrom(base: BaseFacts, tip: string, incarnations: readonly Incarnation[], shipments: Shipments): RecoveryPath | null {
  const whole = [...lineage(incarnations, tip)].reverse()
  const from = whole.findIndex((one) => one.incarnation === base.incarnation)
  if (from < 0) return null
  const chain = whole.slice(from)
  const endLsn = parseLsn(base.endLsn)
  const firstFork = chain[1]?.forkLsn
  if (firstFork && endLsn > parseLsn(firstFork)) return null
  let untilLsn = furthest(endLsn, replayableUntil(shipments.get(base.incarnation) ?? [], endLsn))
  for (const child of chain.slice(1)) {
    const fork = parseLsn(child.forkLsn as string)
    if (untilLsn < fork) return { base, incarnations: chain, untilLsn, reachesTip: false }
    const reached = replayableUntil(shipments.get(child.incarnation) ?? [], fork)
    if (reached <= fork) return { base, incarnations: chain, untilLsn: fork, reachesTip: false }
    untilLsn = reached
  }
  return { base, incarnations: chain, untilLsn, reachesTip: true }
}

/** Every way to an incarnation, the newest base first. */
export function pathsTo(tip: string, bases: readonly BaseFacts[], incarnations: readonly Incarnation[], shipments: Shipments): readonly RecoveryPath[] {
  return bases
    .map((base) => pathFrom(base, tip, incarnations, shipments))
    .filter((path) => path !== null)
    .filter(({ reachesTip, base }) => reachesTip || base.incarnation === tip)
    .sort((a, b) => (toMicros(a.base.endedAt) < toMicros(b.base.endedAt) ? 1 : -1))
}

export interface RecoverableWindow {
  readonly incarnation: string
  /** End of the base backup that opens it. */
  readonly fromAt: string
  readonly fromLsn: string
  readonly untilLsn: Lsn
  readonly backups: readonly string[]
}

/** Windows of one incarnation, oldest first; bases whose reach overlaps share one. */
export function windowsOf(tip: string, bases: readonly BaseFacts[], incarnations: readonly Incarnation[], shipments: Shipments): readonly RecoverableWindow[] {
  const paths = [...pathsTo(tip, bases, incarnations, shipments)].reverse()
  const windows: { incarnation: string; fromAt: string; fromLsn: string; untilLsn: Lsn; backups: string[] }[] = []
  for (const { base, untilLsn } of paths) {
    const last = windows.at(-1)
    if (last && parseLsn(base.endLsn) <= last.untilLsn) {
      last.backups.push(base.backup)
      last.untilLsn = furthest(last.untilLsn, untilLsn)
    } else {
      windows.push({ incarnation: tip, fromAt: base.endedAt, fromLsn: base.endLsn, untilLsn, backups: [base.backup] })
    }
  }
  return windows
}

/**
 * The incarnation that was in service at a time, along the lineage of the one in service now.
 * @returns `left` when the time lies between a fork and the start of service of what came after:
 *   that moment exists only on the branch that was left
 */
export function incarnationAt(
  incarnations: readonly Incarnation[],
  tip: string,
  time: string,
): { readonly kind: 'in-service'; readonly incarnation: Incarnation } | { readonly kind: 'left'; readonly branch: Incarnation; readonly by: Incarnation } {
  const line = lineage(incarnations, tip)
  const moment = toMicros(time)
  for (const [index, one] of line.entries()) {
    const parent = line[index + 1]
    if (!parent || moment >= toMicros(one.registeredAt)) return { kind: 'in-service', incarnation: one }
    if (one.forkAt !== null && moment > toMicros(one.forkAt)) return { kind: 'left', branch: parent, by: one }
  }
  return { kind: 'in-service', incarnation: line.at(-1) as Incarnation }
}

function furthest(a: Lsn, b: Lsn): Lsn {
  return a > b ? a : b
}
