/** What a bench measured: figures, targets that they are judged by, and the table that people read. Pure. */

export interface Target {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** The value that must not be passed. */
  readonly limit: number
}

export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly { readonly name: string; readonly cells: readonly string[] }[]
}

export interface BenchResult {
  readonly tables: readonly Table[]
  readonly targets: readonly Target[]
  /** Everything that was measured, for machines. */
  readonly figures: Readonly<Record<string, unknown>>
  /** What a reader must know to judge the figures. */
  readonly notes: readonly string[]
}

/** A value that could not be measured meets nothing. */
export function isMet({ value, limit }: Target): boolean {
  return value <= limit
}

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** @throws where there is nothing to spread: no figure must come of nothing */
export function spreadOf(values: readonly number[]): Spread {
  return { median: percentile(values, 0.5), min: percentile(values, 0), max: percentile(values, 1) }
}

/** The smallest value that at least this share of them does not exceed. @param share 0 to 1 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)]
  if (value === undefined) throw new Error('nothing was measured')
  return value
}

export function spreadCells({ median, min, max }: Spread): readonly string[] {
  return [median, min, max].map((value) => value.toFixed(2))
}

/** The tables, then a line for each target. */
export function render(name: string, { tables, targets, notes }: BenchResult): string {
  const lines = [name, ...tables.flatMap((table) => ['', ...renderTable(table)]), '']
  for (const target of targets) {
    const { unit, value, limit } = target
    lines.push(`  ${isMet(target) ? '✓' : '✗'} ${target.name}: ${digits(value)} ${unit} (at most ${digits(limit)} ${unit})`)
  }
  for (const note of notes) lines.push(`  ${note}`)
  return `${lines.join('\n')}\n`
}

function renderTable({ title, columns, rows }: Table): string[] {
  const first = Math.max(title.length, ...rows.map(({ name }) => name.length)) + 2
  const widths = columns.map((column, index) => Math.max(column.length, ...rows.map(({ cells }) => cells[index]?.length ?? 0)) + 2)
  const line = (name: string, cells: readonly string[]) => `  ${name.padEnd(first)}${cells.map((cell, index) => cell.padStart(widths[index] ?? 0)).join('')}`
  return [line(title, columns), ...rows.map(({ name, cells }) => line(name, cells))]
}

function digits(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(2)
}
