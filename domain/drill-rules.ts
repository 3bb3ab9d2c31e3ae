/** Which drills stand for a configured rule: a drill of another kind, on another host or of less proves something else. */
import type { DrillRule, SystemConfig } from './config.ts'
import type { Evidence } from './evidence.ts'

/** What a system's drills are held against. */
export interface Rehearsed {
  readonly system: string
  /** All its components, at the site where it is active. */
  readonly components: readonly string[]
  readonly rules: readonly (DrillRule & {
    /** Where it rehearses, also where the rule names none; null where that is not known. */
    readonly on: string | null
  })[]
}

/** @param config of the system, as it is at the site where it is active */
export function rehearsedOf(system: string, { components, drills = [], failover }: SystemConfig): Rehearsed {
  const on = (rule: DrillRule) => {
    // As a drill itself decides: the host of its first component; of kind failover at the other site.
    const placed = rule.kind === 'failover' && failover ? failover.components : components
    const first = rule.components?.[0] ?? Object.keys(placed)[0] ?? ''
    return rule.host ?? placed[first]?.host ?? null
  }
  return { system, components: Object.keys(components), rules: drills.map((rule) => ({ ...rule, on: on(rule) })) }
}

/**
 * Whether a drill is one that the rule asks for, also where a person typed it. One whose moment a person or a scenario
 * chose looks for something: it stands for no rule.
 */
export function standsFor(rule: Rehearsed['rules'][number], one: Evidence, system: readonly string[]): boolean {
  if (one.kind !== rule.kind || (rule.on !== null && one.host !== '' && one.host !== rule.on)) return false
  if (!covers(one, rule.components ?? system)) return false
  const { asked } = one
  // Of before that was written down.
  if (asked === undefined) return true
  if (asked.to !== null || asked.examined || asked.random !== rule.random) return false
  return (rule.from === undefined || asked.from === rule.from) && (rule.smoke === undefined || asked.drill === rule.name)
}

/** Whether a drill was of all these components. One that ended before it had a plan is believed to be of what was asked for. */
export function covers({ recovered, asked }: Evidence, components: readonly string[]): boolean {
  const own = recovered.length > 0 ? recovered.map(({ component }) => component) : (asked?.components ?? null)
  return own === null || components.every((name) => own.includes(name))
}

/** What to type for a drill that stands for the rule. */
export function drillCommand(system: string, { name, kind, components, host, from, random, smoke }: DrillRule): string {
  const parts = [
    ...(kind === 'restore' ? [] : ['--kind', kind]),
    ...(components ? ['--component', ...components] : []),
    ...(host === undefined ? [] : ['--host', host]),
    ...(from === undefined ? [] : ['--from', from]),
    ...(random ? ['--random'] : []),
    ...(smoke ? ['--drill', name] : []),
  ]
  return ['muster drill', system, ...parts].join(' ')
}
