/** Answering a breach: what is configured for it, and the decision that people approve before anything is isolated. */
import type { ApprovalRule } from './approval.ts'
import { canonicalJson } from './canonical-json.ts'
import type { SecretReference } from './config.ts'
import { inOneLine } from './doubtful-text.ts'
import type { MoveSource } from './move.ts'

export interface BreachCommand {
  readonly name: string
  readonly command: readonly string[]
  readonly timeoutSeconds: number
}

export interface BreachConfig {
  /** Run at the site it goes to; `proof` exits with 0 only when the isolation was seen. */
  readonly isolate: readonly (BreachCommand & { readonly proof?: readonly string[] })[]
  /** Run on each suspected host; the output is kept with the forensic copy. */
  readonly collect: readonly (readonly string[])[]
  readonly scanners: readonly BreachCommand[]
  /** How many recovery points are tried. */
  readonly candidates: number
  readonly rotate: {
    readonly roles: readonly { readonly component: string; readonly role: string; readonly password: SecretReference }[]
    readonly commands: readonly BreachCommand[]
  }
  /** What a person looks at before the system is opened. */
  readonly review: readonly string[]
}

export const noBreachConfig: BreachConfig = {
  isolate: [],
  collect: [],
  scanners: [],
  candidates: 10,
  rotate: { roles: [], commands: [] },
  review: [],
}

/** What is approved before anything is done: what is taken out of service, and what of it is kept. */
export interface BreachDecision {
  readonly format: 'muster-breach-1'
  readonly procedure: 'respondToBreach'
  readonly organisation: string
  readonly system: string
  readonly configHash: string
  /** ISO-8601 UTC: nothing after it is restored. */
  readonly since: string
  readonly suspects: readonly string[]
  readonly from: string
  readonly to: string
  /** What is stopped. */
  readonly source: MoveSource
  /** Names of the configured commands. */
  readonly isolate: readonly string[]
  /** Components that are copied as they are found. */
  readonly copied: readonly { readonly component: string; readonly host: string }[]
  readonly scanners: readonly string[]
  readonly candidates: number
  readonly rotate: BreachRotation
  readonly approvals: ApprovalRule
  readonly expiresAt: string
}

/** What is changed before the opening, by name. */
export interface BreachRotation {
  readonly roles: readonly { readonly component: string; readonly role: string }[]
  readonly commands: readonly string[]
}

export function breachText(decision: BreachDecision): string {
  return canonicalJson(decision)
}

/** Components under which forensic copies lie in a store: never a recovery point of the component itself. */
export function forensicName(component: string): string {
  return `${forensicPrefix}${component}`.slice(0, 63)
}

export const forensicPrefix = 'forensic-'

/** A recovery point that is tried. */
export interface Candidate {
  /** What people and files call it. */
  readonly name: string
  /** ISO-8601 UTC with microseconds; null: the newest moment, which is looked at only to see what was changed. */
  readonly time: string | null
  readonly why: string
}

/** One thing in a restored system with which somebody could come back. */
export interface InventoryItem {
  readonly kind: InventoryKind
  readonly component: string
  readonly name: string
  /** Of what it is; two that are equal have the same. */
  readonly fingerprint: string
}

export type InventoryKind = 'role' | 'extension' | 'function' | 'trigger' | 'setting' | 'cron' | 'key' | 'binary'

export interface InventoryDifference {
  /** In the other one and not here, changed there, and here but not there. */
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
  readonly equal: number
}

/** What changed from one inventory to a later one; each line names kind, component and thing. */
export function compareInventories(before: readonly InventoryItem[], after: readonly InventoryItem[]): InventoryDifference {
  const label = ({ kind, component, name }: InventoryItem) => `${kind} ${component}: ${name}`
  const byLabel = (items: readonly InventoryItem[]) => new Map(items.map((item) => [label(item), item.fingerprint]))
  const one = byLabel(before)
  const other = byLabel(after)
  const common = [...one.keys()].filter((key) => other.has(key))
  return {
    added: [...other.keys()].filter((key) => !one.has(key)).sort(),
    changed: common.filter((key) => one.get(key) !== other.get(key)).sort(),
    removed: [...one.keys()].filter((key) => !other.has(key)).sort(),
    equal: common.filter((key) => one.get(key) === other.get(key)).length,
  }
}

/** In a few lines: all of what is short, the beginning of what is long. */
export function differenceLines({ added, changed, removed, equal }: InventoryDifference, most = 20): readonly string[] {
  const part = (what: string, names: readonly string[]) => [
    ...names.slice(0, most).map((name) => `${what} ${inOneLine(name)}`),
    ...(names.length > most ? [`${what} ${names.length - most} more`] : []),
  ]
  const lines = [...part('added:', added), ...part('changed:', changed), ...part('removed:', removed)]
  return lines.length === 0 ? [`nothing of ${equal} roles, functions, keys and programs is different`] : lines
}
