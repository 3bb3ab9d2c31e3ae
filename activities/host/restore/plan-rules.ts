/** Which rules of a tree apply to a restore: whether its backup was made on another host, and at which site. */
import { MusterError } from '../../../domain/failures.ts'
import { basename } from 'node:path'
import type { Config, FilesComponentConfig } from '../../../domain/config.ts'
import { siteOfHost } from '../../../domain/copies.ts'
import { isPlanned } from '../../../domain/move.ts'
import type { FilesManifest } from '../../../domain/repository-format.ts'
import { compilePattern, matchesRoot } from '../../../domain/tree-patterns.ts'
import { rulesOf, type TreeRules } from '../../../domain/tree-rules.ts'
import type { TreePlanning } from './plan-tree.ts'

export interface PlannedRules {
  readonly rules: TreeRules | null
  readonly warnings: readonly string[]
}

/** A restore into a directory of its own, and with it a drill, brings everything as it is. */
export async function planRules({ agent, input, name, component, observation }: TreePlanning, { writer, files }: FilesManifest): Promise<PlannedRules> {
  if (input.into) return { rules: null, warnings: [] }
  const { whole } = await agent.config(input.configHash)
  // The backup of a planned move is not made yet: it will be on the old side.
  const planned = input.move && isPlanned(input.procedure)
  const as = planned || writer.host !== component.host ? 'elsewhere' : 'here'
  const from = planned ? input.move.from : siteOfHost(whole, writer.host)
  const goes = siteOfHost(whole, component.host) ?? agent.site
  const away = whole.systems[input.system]?.failover?.to
  const roots = [...new Set([...knownRoots(whole, input.system, name), ...(planned ? [] : files.paths)])]
  const rules = rulesOf(component, { as, to: from === null || from === goes ? null : goes === away ? 'away' : 'home', roots })
  const unknown = as === 'elsewhere' && from === null && (component.restore.substitute ?? []).length > 0
  return {
    rules,
    warnings: [
      ...(unknown ? [`${name}: its backup was made on host ${writer.host}, which is at no site any more, so no text in it is substituted`] : []),
      ...(rules ? missingPaths(rules, component, observation).map((path) => `${name}: ${path} ${missingText}`) : []),
    ],
  }
}

const missingText = 'is not there, and a rule leaves it out: until somebody makes it, backups there fail'

/** Paths that would not be there afterwards. */
function missingPaths(rules: TreeRules, { paths }: FilesComponentConfig, { members }: TreePlanning['observation']): readonly string[] {
  const isOut = (path: string) =>
    rules.never.some((pattern) => matchesRoot(pattern, path) || (!pattern.includes('/') && compilePattern(pattern)(path, basename(path))))
  return paths.filter((path, index) => members[index]?.content === 'absent' && isOut(path))
}

/**
 * A backup has its paths by number. Where one of them is another path of today's configuration, a path was removed or moved in it,
 * and its files would come to a wrong place.
 * @returns what is different and harms nothing: paths that were renamed @throws MusterError WrongTarget
 */
export function pathsOfBackup(
  config: Config,
  { system, component, paths }: { readonly system: string; readonly component: string; readonly paths: readonly string[] },
  goesTo: readonly string[],
): readonly string[] {
  const sides = [config.systems[system]?.components[component], config.systems[system]?.failover?.components[component]].flatMap((one) =>
    one?.type === 'files' ? [one.paths] : [],
  )
  const elsewhere = (path: string, at: number) =>
    sides.some((known) => known.includes(path) && known[at] !== path) && !sides.some((known) => known[at] === path)
  const wrong = paths.find(elsewhere)
  if (wrong !== undefined || paths.length !== goesTo.length) {
    const what =
      wrong === undefined
        ? `${paths.length} paths (${paths.join(', ')}), and ${goesTo.length} are configured`
        : `${wrong}, which would come to ${goesTo[paths.indexOf(wrong)] ?? 'no path'}`
    throw new MusterError('WrongTarget', `the backup of ${system}/${component} is from before its paths were changed: it has ${what}`, {
      hint: `restore it beside and copy what is needed: --component ${component} --into DIR; then make a backup: muster backup ${system}`,
    })
  }
  return paths.flatMap((path, at) => (sides.some((known) => known[at] === path) ? [] : [`${component}: its backup has ${path}, which comes to ${goesTo[at]}`]))
}

/** The paths of a component at home and at the other site. */
function knownRoots({ systems }: Config, system: string, name: string): readonly string[] {
  const both = [systems[system]?.components[name], systems[system]?.failover?.components[name]]
  return both.filter((one): one is FilesComponentConfig => one?.type === 'files').flatMap(({ paths }) => paths)
}
