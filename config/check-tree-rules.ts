/** Whether the rules of a tree can match anything, and whether what they replace can be turned round on the way back. */
import type { FilesComponentConfig, SubstituteConfig, SystemConfig } from '../domain/config.ts'
import { sharedPath } from '../domain/pattern-overlap.ts'
import { canMatchBelow, fullPath } from '../domain/tree-patterns.ts'
import type { Report, YamlPath } from './problems.ts'

/** Paths are reported below the system's own. */
export function checkTreeRules(system: SystemConfig, report: Report): void {
  for (const [name, component] of Object.entries(system.components)) {
    if (component.type !== 'files') continue
    const there = system.failover?.components[name]
    const roots = [...component.paths, ...(there?.type === 'files' ? there.paths : [])]
    const at: YamlPath = ['components', name, 'restore']
    checkPatterns(component, roots, (path, message, where) => report([...at, ...path], message, where))
    const sides = component.paths.map((path, index) => [...new Set([path, ...(there?.type === 'files' ? [there.paths[index] ?? path] : [])])])
    checkSubstitute(component.restore.substitute ?? [], sides, system.failover !== undefined, (path, message, where) =>
      report([...at, ...path], message, where),
    )
  }
}

function checkPatterns({ restore: { here, elsewhere, never, substitute } }: FilesComponentConfig, roots: readonly string[], report: Report): void {
  const lists: readonly (readonly [YamlPath, readonly string[]])[] = [
    [['here'], here === undefined || here === 'all' ? [] : here],
    [['elsewhere'], elsewhere === undefined || elsewhere === 'all' ? [] : elsewhere],
    [['never'], never ?? []],
    ...(substitute ?? []).map(({ files }, index) => [['substitute', index, 'files'], files] as const),
  ]
  for (const [path, patterns] of lists) {
    for (const [index, pattern] of patterns.entries()) {
      if (canMatchBelow(pattern, roots)) continue
      report(
        [...path, index],
        `${pattern} can match nothing: the trees are ${[...new Set(roots)].join(', ')}; write a path inside one of them, or one without / in front, which counts from each`,
      )
    }
  }
}

function checkSubstitute(rules: readonly SubstituteConfig[], roots: readonly Known[], moves: boolean, report: Report): void {
  if (rules.length > 0 && !moves) report(['substitute'], 'acts between the two sites of a system, and this one has no failover; write failover for it', 'key')
  for (const [index, { replace, with: other }] of rules.entries()) {
    if (replace === other) report(['substitute', index, 'with'], 'is the same text as replace; write what stands there at the other site')
    checkOverlap(rules, index, roots, report)
  }
}

/** Of one text in one file only one other can become, on the way there and on the way back: no order would be right both ways. */
function checkOverlap(rules: readonly SubstituteConfig[], index: number, roots: readonly Known[], report: Report): void {
  const own = rules[index] as SubstituteConfig
  for (const [number, before] of rules.slice(0, index).entries()) {
    if ((before.replace === own.replace) === (before.with === own.with)) continue
    const shared = sharedFile(before.files, own.files, roots)
    if (shared === null) continue
    const [key, text] = before.replace === own.replace ? ['replace', own.replace] : ['with', own.with]
    report(
      ['substitute', index, key as string],
      `${JSON.stringify(text)} stands in rule ${number + 1} as well, and both are for ${shared.path}: that one by ${shared.patterns[0]}, this one by ${shared.patterns[1]}; one text would become two; give each text files of its own`,
    )
    return
  }
}

/** Paths of one place in the lists of both sites. */
type Known = readonly string[]

interface Shared {
  readonly patterns: readonly [string, string]
  readonly path: string
}

function sharedFile(left: readonly string[], right: readonly string[], roots: readonly Known[]): Shared | null {
  for (const a of left) {
    for (const b of right) {
      for (const known of roots) {
        const pairs = known.flatMap((one) => known.map((two) => [one, two] as const))
        for (const [one, two] of pairs) {
          const path = sharedPath({ pattern: a, root: one }, { pattern: b, root: two })
          if (path !== null) return { patterns: [a, b], path: fullPath(one, path) }
        }
      }
    }
  }
  return null
}
