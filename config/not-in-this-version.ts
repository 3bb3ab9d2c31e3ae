/**
 * Keys and values that are designed but not built. They are refused by name at their line:
 * a protection that was asked for is never left out silently or replaced by a weaker one.
 */
import type { Problem, YamlPath } from './problems.ts'

/** Keys, as paths; `*` is any name or item. */
export const absentKeys: readonly string[] = [
  'reports',
  'stores.*.objectLock',
  'stores.*.keep',
  'stores.*.credentials.expire',
  'systems.*.failover.contacts',
  'systems.*.keep',
  'systems.*.plans',
  'systems.*.components.*.objectives',
  'systems.*.components.*.keep',
  'systems.*.components.*.wal.keep',
  'systems.*.backups.*.blackout',
  'systems.*.backups.*.keep',
  'systems.*.restore.elsewhere',
  'notifications.sms',
  'notifications.syslog',
  'notifications.webhook',
]

interface AbsentValue {
  readonly path: string
  readonly values: readonly unknown[] | ((value: unknown) => boolean)
  /** `parent` where nothing beside it can be judged either. */
  readonly hides: 'value' | 'parent'
}

export const absentValues: readonly AbsentValue[] = [
  { path: 'stores.*.type', values: ['azure'], hides: 'parent' },
  { path: 'encryption.type', values: ['gpg'], hides: 'parent' },
  { path: 'systems.*.components.*.type', values: ['sqlite', 'redis', 'command'], hides: 'parent' },
  { path: 'systems.*.components.*.wal.from', values: ['archive'], hides: 'value' },
  {
    path: 'systems.*.backups.*.kind',
    values: ['incremental', 'differential', 'logical', 'restore point', 'safety'],
    hides: 'value',
  },
]

export interface NotInThisVersion {
  readonly problems: readonly Problem[]
  /** Nothing further is said about what lies at or under these. */
  readonly hidden: readonly YamlPath[]
}

/** Looks for what this version does not have, in the file as it was parsed. */
export function findNotInThisVersion(raw: unknown): NotInThisVersion {
  const problems: Problem[] = []
  const hidden: YamlPath[] = []
  for (const pattern of absentKeys) {
    for (const { path } of find(raw, pattern.split('.'), [])) {
      problems.push({ path, at: 'key', type: 'NotSupported', message: `"${path.at(-1)}" is not in this version` })
      hidden.push(path)
    }
  }
  for (const absent of absentValues) {
    for (const { path, value } of find(raw, absent.path.split('.'), [])) {
      const isAbsent = typeof absent.values === 'function' ? absent.values(value) : absent.values.includes(value)
      if (!isAbsent) continue
      problems.push({
        path,
        at: 'value',
        type: 'NotSupported',
        message: `${path.at(-1)} ${String(value)} is not in this version`,
      })
      hidden.push(absent.hides === 'parent' ? path.slice(0, -1) : path)
    }
  }
  return { problems, hidden }
}

function* find(value: unknown, pattern: readonly string[], path: YamlPath): Generator<{ path: YamlPath; value: unknown }> {
  const [head, ...rest] = pattern
  if (head === undefined) {
    yield { path, value }
    return
  }
  if (typeof value !== 'object' || value === null) return
  const isList = Array.isArray(value)
  for (const [key, member] of Object.entries(value)) {
    if (head === '*' || head === key) yield* find(member, rest, [...path, isList ? Number(key) : key])
  }
}
