/** What systemd asks before it starts a unit of a system that can be at another site. */
import type { Config } from './config.ts'
import { placedAt } from './placement.ts'

export interface GuardedUnit {
  /** With its suffix, as systemd has it. */
  readonly unit: string
  /** The component or service that it serves. */
  readonly serves: string
}

/** Units of a system on a host, as the system is at that host's site: databases, then services. */
export function guardedUnits(config: Config, system: string, host: string, site: string): readonly GuardedUnit[] {
  const { components = {}, services = [] } = placedAt(config, site).systems[system] ?? {}
  const databases = Object.entries(components).flatMap(([name, one]) =>
    one.type === 'postgresql' && one.host === host && one.server.control === 'systemd' ? [{ unit: fullName(one.server.unit), serves: name }] : [],
  )
  const others = services.flatMap(({ name, host: on, control }) =>
    on === host && control.type === 'systemd' ? [{ unit: fullName(control.unit), serves: name }] : [],
  )
  return [...databases, ...others]
}

/** What of a system on a host is started by something else than systemd: its guard goes before the command that does it. */
export function unguardedNames(config: Config, system: string, host: string, site: string): readonly string[] {
  const { components = {}, services = [] } = placedAt(config, site).systems[system] ?? {}
  const databases = Object.entries(components).flatMap(([name, one]) =>
    one.type === 'postgresql' && one.host === host && one.server.control !== 'systemd' ? [name] : [],
  )
  return [...databases, ...services.flatMap(({ name, host: on, control }) => (on === host && control.type !== 'systemd' ? [name] : []))]
}

/** Where the drop-in of a unit lies. */
export function dropInPath(unit: string): string {
  return `/etc/systemd/system/${unit}.d/50-muster-guard.conf`
}

/**
 * The drop-in. `+` runs it with the rights of systemd and not those of the unit's user, who may not read the keys; `env`
 * keeps what it is told out of the environment of the unit itself.
 * @param words the guard's whole command line
 */
export function dropInText(words: readonly string[]): string {
  return `[Service]\nExecStartPre=+${words.map(quoted).join(' ')}\n`
}

/** Whether what systemd says of a unit (`ExecStartPre`, `ExecCondition`, `ExecStart`) asks the guard of this system. */
export function asksGuard(shown: string, system: string): boolean {
  return shown.split('\n').some((line) => line.split(/[\s;]+/).some((word, index, words) => word === 'guard' && words[index + 1] === system))
}

function fullName(unit: string): string {
  return /\.(service|target|scope|socket|mount|path|slice|timer|swap|device|automount)$/.test(unit) ? unit : `${unit}.service`
}

/** As systemd reads it: `%` begins a specifier and `$` a variable. */
function quoted(word: string): string {
  const text = word.replaceAll('%', '%%').replaceAll('$', '$$$$')
  return /^[\w@%+=:,./$-]+$/.test(text) ? text : `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
