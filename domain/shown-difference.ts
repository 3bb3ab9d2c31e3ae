/**
 * A difference as a plan carries it and as it is kept. The plan has the counts alone: histories are kept in clear text, and
 * names of files are nobody's who cannot read the backups. The names are in the stores, encrypted.
 */
import { type Difference, type DifferenceKind, differenceKinds } from './tree-difference.ts'
import { fullPath } from './tree-patterns.ts'
import { shownPath } from './tree-path.ts'

export type DifferenceCounts = Readonly<Record<DifferenceKind | 'same', number>>

export interface DifferenceFigures {
  readonly component: string
  readonly host: string
  /** What the target is held against; of a planned move the newest there is, since its own is made after the stop. */
  readonly backup: string
  readonly counts: DifferenceCounts
  /** Bytes that stay, and are carried over. */
  readonly keptBytes: number
  readonly takenAt: string
  /** Why it is not known; then nothing is counted. */
  readonly problem: string | null
}

/** As it is stored: signed, then encrypted. */
export interface StoredDifference extends DifferenceFigures {
  readonly format: 'muster-difference-1'
  readonly organisation: string
  readonly system: string
  /** Hash of the decision that it was made for. */
  readonly decision: string
  readonly takenBy: string
  readonly lines: readonly string[]
  /** Lines beyond what is kept. */
  readonly omitted: number
}

export interface ShownDifference extends DifferenceFigures {
  /** Of the names; empty where there is nothing to keep or no store took it. */
  readonly key: string
  readonly sha256: string
  readonly stores: readonly string[]
}

export const noCounts: DifferenceCounts = { ...zeros(), same: 0 }

function zeros(): Readonly<Record<DifferenceKind, number>> {
  return Object.fromEntries(differenceKinds.map((kind) => [kind, 0])) as Record<DifferenceKind, number>
}

export function countsOf(differences: readonly Difference[], same: number): DifferenceCounts {
  const counts: Record<DifferenceKind, number> = { ...zeros() }
  for (const { kind } of differences) counts[kind]++
  return { ...counts, same }
}

/** `changed      "/etc/shop/a.env"   mode 644 becomes 640`: one line, whatever the name is. @param goes where the root is restored to */
export function differenceLine({ kind, path, isDirectory, why }: Difference, goes: string): string {
  return `${kind.padEnd(12)} ${shownPath(fullPath(goes, path) + (isDirectory ? '/' : ''))}${why === null ? '' : `   ${why}`}`
}

/** What a person looks at first comes first. */
export function inOrder(differences: readonly Difference[]): readonly Difference[] {
  return differenceKinds.flatMap((kind) => differences.filter((one) => one.kind === kind))
}

/** As many of the first lines as fit. */
export function firstLines(lines: readonly string[], limitBytes: number): { readonly lines: readonly string[]; readonly omitted: number } {
  let left = limitBytes
  const end = lines.findIndex((line) => (left -= line.length * 3) < 0)
  const shown = end === -1 ? lines : lines.slice(0, end)
  return { lines: shown, omitted: lines.length - shown.length }
}

/** `2 removed, 1 changed, 4 kept, 120 the same`. */
export function countsText(counts: DifferenceCounts): string {
  const names = [
    ...differenceKinds.map((kind) => [counts[kind], kind === 'attributes' ? 'with other attributes' : kind] as const),
    [counts.same, 'the same'] as const,
  ]
  return (
    names
      .filter(([count]) => count > 0)
      .map(([count, what]) => `${count} ${what}`)
      .join(', ') || 'nothing on either side'
  )
}

/** One line for a plan. */
export function differenceText({ component, counts, problem, backup, host }: ShownDifference): string {
  return problem === null
    ? `${component}: ${countsText(counts)} (${host} held against backup ${backup})`
    : `${component}: not compared with what is there: ${problem}`
}
