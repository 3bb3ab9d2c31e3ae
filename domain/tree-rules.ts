/**
 * Which files of a tree a restore brings, and what is different about them where it goes. What a rule leaves out stays as
 * it is at the target: as it was there, or absent. The rules that apply are part of the decision that is approved.
 */
import type { FilesComponentConfig, SubstituteConfig } from './config.ts'
import { machineFilePatterns, machineFilesGroup } from './machine-files.ts'
import { canMatchBelow, compilePattern, type PathPatterns } from './tree-patterns.ts'

export interface TreeRules {
  /** `here`: the backup was made on the host that it is restored on. `elsewhere`: on another. */
  readonly as: 'here' | 'elsewhere'
  /** Only what these match is brought; all where it says so. */
  readonly bring: 'all' | readonly string[]
  /** What these match is not. */
  readonly never: readonly string[]
  /** In the direction of this restore. */
  readonly substitute: readonly SubstituteConfig[]
}

export interface RestoreSides {
  readonly as: TreeRules['as']
  /** From which site the text is to where it goes: `home` as configured, `away` at the other site; null within one site. */
  readonly to: 'home' | 'away' | null
  /** Every path under which the tree is known: at home, at the other site, in the backup. */
  readonly roots: readonly string[]
}

/** The rules that change anything; null where all of the backup is brought as it is. */
export function rulesOf({ restore }: Pick<FilesComponentConfig, 'restore'>, { as, to, roots }: RestoreSides): TreeRules | null {
  const bring = (as === 'here' ? restore.here : restore.elsewhere) ?? 'all'
  const standard = restore.neverDefaults === false ? [] : machineFilePatterns
  const never = as === 'here' ? [] : [...(restore.never ?? []), ...standard].filter((pattern) => canMatchBelow(pattern, roots))
  const substitute = as === 'here' || to === null ? [] : (restore.substitute ?? []).map((one) => (to === 'away' ? one : turned(one)))
  if (bring === 'all' && never.length === 0 && substitute.length === 0) return null
  return { as, bring, never: [...new Set(never)], substitute }
}

function turned({ files, replace, with: other }: SubstituteConfig): SubstituteConfig {
  return { files, replace: other, with: replace }
}

/** One path of a component: where it was when it was backed up, and where it is restored to. */
export interface RuledRoot {
  readonly was: string
  readonly goes: string
}

/** Which rule leaves a path out, in words; null where it is brought. */
export type LeftOut = (root: RuledRoot, path: string) => string | null

/** A pattern counts for where a file was and for where it would be. */
export function leftOutBy(rules: Pick<TreeRules, 'as' | 'bring' | 'never'>): LeftOut {
  const never = rules.never.map((pattern) => ({ why: neverText(pattern), matches: eitherPlace(compilePattern(pattern)) }))
  const bring = rules.bring === 'all' ? null : rules.bring.map((pattern) => eitherPlace(compilePattern(pattern)))
  return (root, path) => {
    const found = never.find(({ matches }) => matches(root, path))
    if (found) return found.why
    return bring === null || bring.some((matches) => matches(root, path)) ? null : `not in restore.${rules.as}`
  }
}

function neverText(pattern: string): string {
  const group = machineFilesGroup(pattern)
  return group === null ? `never ${pattern}` : `never ${pattern} (${group})`
}

/** Positions of the substitutions that a file is subject to. */
export function substitutionsOf(substitute: TreeRules['substitute']): (root: RuledRoot, path: string) => readonly number[] {
  const matchers = substitute.map(({ files }) => files.map((pattern) => eitherPlace(compilePattern(pattern))))
  return (root, path) => matchers.flatMap((matching, index) => (matching.some((matches) => matches(root, path)) ? [index] : []))
}

function eitherPlace(matches: PathPatterns): (root: RuledRoot, path: string) => boolean {
  return ({ was, goes }, path) => matches(was, path) || (goes !== was && matches(goes, path))
}

/** The rules in a few lines, for who approves. */
export function rulesTexts(rules: TreeRules | undefined): readonly string[] {
  if (!rules) return []
  const { as, bring, never, substitute } = rules
  return [
    ...(bring === 'all' ? [] : [`only ${bring.join(', ')} (restore.${as}); the rest stays as it is there`]),
    ...(never.length === 0 ? [] : [`stays as it is there: ${never.join(', ')}`]),
    ...substitute.map(({ files, replace, with: other }) => `in ${files.join(', ')}: ${JSON.stringify(replace)} becomes ${JSON.stringify(other)}`),
  ]
}
