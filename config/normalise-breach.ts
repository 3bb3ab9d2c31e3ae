/** What is done after a breach, as written → as it counts. */
import type { BreachConfig } from '../domain/breach.ts'
import { forensicPrefix } from '../domain/breach.ts'
import { parseDuration } from '../domain/durations.ts'
import type { SystemConfig } from '../domain/config.ts'
import { defined } from './defined.ts'
import type { Report } from './problems.ts'
import type { WrittenBreach } from './schema-breach.ts'

/** Paths are reported below the breach's own. */
export function normaliseBreach(written: WrittenBreach, { components }: Pick<SystemConfig, 'components'>, report: Report): BreachConfig {
  for (const list of ['isolate', 'scanners'] as const) refuseTwice(written[list], [list], report)
  refuseTwice(written.rotate.commands, ['rotate', 'commands'], report)
  for (const [index, { component }] of written.rotate.roles.entries()) {
    const path = ['rotate', 'roles', index, 'component']
    if (components[component]?.type !== 'postgresql') report(path, `there is no database "${component}"; there are: ${databasesOf(components) || 'none'}`)
  }
  return {
    isolate: written.isolate.map(({ name, command, proof, timeout }) => defined({ name, command, proof, timeoutSeconds: parseDuration(timeout) })),
    collect: written.collect,
    scanners: written.scanners.map(commandOf),
    candidates: written.candidates,
    rotate: { roles: written.rotate.roles, commands: written.rotate.commands.map(commandOf) },
    review: written.review,
  }
}

/** A name that forensic copies take cannot be a component's. */
export function refuseForensicNames(components: SystemConfig['components'], report: Report): void {
  for (const name of Object.keys(components)) {
    if (name.startsWith(forensicPrefix))
      report(['components', name], `names that begin with "${forensicPrefix}" belong to forensic copies; take another`, 'key')
  }
}

function commandOf({ name, command, timeout }: WrittenBreach['scanners'][number]) {
  return { name, command, timeoutSeconds: parseDuration(timeout) }
}

function refuseTwice(list: readonly { readonly name: string }[], path: readonly string[], report: Report): void {
  for (const [index, { name }] of list.entries()) {
    if (list.findIndex((one) => one.name === name) < index) report([...path, index, 'name'], `"${name}" is there twice`)
  }
}

function databasesOf(components: SystemConfig['components']): string {
  return Object.entries(components)
    .flatMap(([name, { type }]) => (type === 'postgresql' ? [name] : []))
    .join(', ')
}
