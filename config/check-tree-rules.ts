/** Whether the rules of a tree can match anything, and whether what they replace can be turned round on the way back. */
import type { FilesComponentConfig, SubstituteConfig, SystemConfig } from '../domain/config.ts'
import { canMatchBelow } from '../domain/tree-patterns.ts'
import type { Report, YamlPath } from './problems.ts'

/** Paths are reported below the system's own. */
export function checkTreeRules(system: SystemConfig, report: Report): void {
  for (const [name, component] of Object.entries(system.components)) {
    if (component.type !== 'files') continue
    const there = system.failover?.components[name]
    const roots = [...component.paths, ...(there?.type === 'files' ? there.paths : [])]
    const at: YamlPath = ['components', name, 'restore']
    checkPatterns(component, roots, (path, message, where) => report([...at, ...path], message, where))
    checkSubstitute(component.restore.substitute ?? [], system.failover !== undefined, (path, message, where) => report([...at, ...path], message, where))
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

function checkSubstitute(rules: readonly SubstituteConfig[], moves: boolean, report: Report): void {
  if (rules.length > 0 && !moves) report(['substitute'], 'acts between the two sites of a system, and this one has no failover; write failover for it', 'key')
  for (const [index, { replace, with: other, files }] of rules.entries()) {
    if (replace === other) report(['substitute', index, 'with'], 'is the same text as replace; write what stands there at the other site')
    const before = rules.slice(0, index).find((one) => (one.replace === replace) !== (one.with === other) && one.files.some((file) => files.includes(file)))
    if (before === undefined) continue
    const twice = before.replace === replace ? ['replace', replace] : ['with', other]
    report(
      ['substitute', index, twice[0] as string],
      `${JSON.stringify(twice[1])} stands in another rule for the same files, so that one text would become two; give each text one of its own`,
    )
  }
}
