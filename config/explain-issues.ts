/** What the schema found wrong, in words that say what to write. */
import type { z } from 'zod'
import { flowText } from './flow-text.ts'
import { schemaAt } from './json-schema.ts'
import { nearestName } from './nearest-name.ts'
import type { Problem, YamlPath } from './problems.ts'

type Issue = z.core.$ZodIssue

export function explainIssues(issues: readonly Issue[], raw: unknown): readonly Problem[] {
  return issues.flatMap((issue) => explainIssue(issue, raw))
}

function explainIssue(issue: Issue, raw: unknown): readonly Problem[] {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)))
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => problem([...path, key], unknownKey(path, key, raw), 'key'))
    case 'invalid_key':
      return [problem(path, issue.issues[0]?.message ?? 'is not a name', 'key')]
    case 'invalid_type':
      return [mistyped(path, issue.expected, raw)]
    case 'invalid_value':
      return [notOneOf(path, issue.values.map(String), raw)]
    case 'invalid_union':
      return explainUnion(issue, path, raw)
    case 'too_small':
      return [problem(path, `${label(path)} ${issue.origin === 'array' ? 'needs at least one item' : `must be at least ${issue.minimum}`}`)]
    case 'too_big':
      return [problem(path, `${label(path)} must be at most ${issue.maximum}`)]
    default:
      return [problem(path, path.length === 0 ? issue.message : `${label(path)}: ${issue.message}`)]
  }
}

function explainUnion(issue: Extract<Issue, { code: 'invalid_union' }>, path: YamlPath, raw: unknown): readonly Problem[] {
  if (issue.errors.length === 0) {
    // No alternative has this type: its names are the fixed members of the alternatives.
    const key = path.at(-1) ?? ''
    const alternatives = schemaAt(path.slice(0, -1), raw)?.oneOf ?? []
    return [
      notOneOf(
        path,
        alternatives.map((one) => String(one.properties?.[key]?.const)),
        raw,
      ),
    ]
  }
  if (!has(raw, path)) return [missing(path, raw)]
  const inside = issue.errors.find((errors) => errors.some((one) => one.path.length > 0 || one.code === 'custom'))
  if (inside)
    return explainIssues(
      inside.map((one) => ({ ...one, path: [...issue.path, ...one.path] })),
      raw,
    )
  return [problem(path, `${label(path)} ${issue.message}`)]
}

function unknownKey(path: YamlPath, key: string, raw: unknown): string {
  const here = schemaAt(path, raw)
  const known = Object.keys(here?.properties ?? {})
  const near = nearestName(key, known)
  const shown = key.length > 60 ? `${key.slice(0, 60)}…` : key
  if (key === '<<') return 'merge keys (<<) are not read here; write the values out'
  return near === null ? `unknown key "${shown}"; known here: ${known.join(', ')}` : `unknown key "${shown}"; did you mean "${near}"?`
}

function mistyped(path: YamlPath, expected: string, raw: unknown): Problem {
  if (path.length === 0)
    return problem(path, raw === null ? 'the file is empty; write one with: muster init' : 'must be keys with values, beginning with organisation:')
  if (!has(raw, path)) return missing(path, raw)
  const value = at(raw, path)
  if (value === null || value === undefined) return problem(path, `${label(path)} has no value${example(path, raw)}`)
  if (expected === 'string' && (typeof value === 'number' || typeof value === 'boolean')) {
    return problem(path, `${label(path)} must be text: put it in quotes${example(path, raw)}`)
  }
  return problem(path, `${label(path)} must be ${kindName(expected)}, not ${kindName(kindOf(value))}${example(path, raw)}`)
}

function missing(path: YamlPath, raw: unknown): Problem {
  const about = schemaAt(path, raw)?.description
  const names = schemaAt(path.slice(0, -1), raw)?.oneOf?.map((one) => String(one.properties?.[path.at(-1) ?? '']?.const))
  const choice = names ? `: ${names.join(' or ')}` : about ? `: ${about.split('. ')[0]?.replace(/\.$/, '')}` : ''
  return problem(path, `missing "${path.at(-1)}"${choice}${example(path, raw)}`, 'key')
}

function notOneOf(path: YamlPath, known: readonly string[], raw: unknown): Problem {
  if (!has(raw, path)) return missing(path, raw)
  const value = at(raw, path)
  if (typeof value !== 'string') return problem(path, `${label(path)} must be ${known.join(' or ')}`)
  const near = nearestName(value, known)
  const shown = value.length > 40 ? `${value.slice(0, 40)}…` : value
  return problem(path, `${label(path)} "${shown}" is not known${near === null ? `; write ${known.join(' or ')}` : `; did you mean "${near}"?`}`)
}

function problem(path: YamlPath, message: string, at: Problem['at'] = 'value'): Problem {
  return { path, at, message, type: 'ConfigInvalid' }
}

function label(path: YamlPath): string {
  const key = path.findLast((step) => typeof step === 'string')
  return key ?? 'the file'
}

function example(path: YamlPath, raw: unknown): string {
  const [first] = schemaAt(path, raw)?.examples ?? []
  return first === undefined ? '' : `; for example ${path.at(-1)}: ${flowText(first)}`
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : typeof value === 'number' && !Number.isSafeInteger(Math.trunc(value)) ? 'out of range' : typeof value
}

function kindName(kind: string): string {
  const names: Readonly<Record<string, string>> = {
    string: 'text',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
    array: 'a list',
    object: 'keys with values',
    record: 'keys with values',
    'out of range': 'one that large',
  }
  return names[kind] ?? kind
}

function has(raw: unknown, path: YamlPath): boolean {
  const parent = at(raw, path.slice(0, -1))
  const last = path.at(-1)
  return last === undefined || (typeof parent === 'object' && parent !== null && Object.hasOwn(parent, last))
}

function at(raw: unknown, path: YamlPath): unknown {
  let value = raw
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<string | number, unknown>)[step]
  }
  return value
}
