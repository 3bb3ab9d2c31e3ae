/** YAML text → plain data, and the way back from a path in the data to its line and column. */

import type { Document, Node, Pair, YAMLError } from 'yaml'
import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import { MusterError } from '../domain/failures.ts'
import type { Position, Problem, YamlPath } from './problems.ts'

export interface YamlSource {
  readonly raw: unknown
  /** Where a problem is; where the path ends early, its nearest parent. */
  locate(problem: Pick<Problem, 'path' | 'at'>): Position
}

export const largestConfigBytes = 1024 * 1024
const mostAliases = 100
const deepestNesting = 100

/**
 * @throws MusterError ConfigInvalid naming file, line and column
 */
export function readYaml(text: string, fileName: string): YamlSource {
  if (Buffer.byteLength(text) > largestConfigBytes) throw invalid(fileName, 1, 1, 'is larger than 1 MiB; this is not a muster.yaml')
  const deep = tooDeep(text)
  if (deep !== null) throw invalid(fileName, deep, 1, 'is nested too deeply; this is not a muster.yaml')
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: true,
    version: '1.2',
    schema: 'core',
  })
  refuseSyntax(document, text, fileName, lines)
  return { raw: plainData(document, fileName, lines), locate: ({ path, at }) => locate(document, lines, path, at) }
}

function refuseSyntax(document: Document, text: string, fileName: string, lines: LineCounter): void {
  if (document.directives?.yaml.explicit && document.directives.yaml.version !== '1.2') {
    throw invalid(fileName, 1, 1, 'the directive %YAML is not read here; take the line out')
  }
  const troubles = [...document.errors, ...document.warnings]
  if (troubles.length === 0) return
  const shown = troubles.slice(0, 10).map((trouble) => {
    const { line, col } = lines.linePos(trouble.pos[0])
    return `${fileName}:${line}:${col} ${explainSyntax(trouble, text)}`
  })
  throw new MusterError('ConfigInvalid', [...new Set(shown)].join('\n'))
}

/** In our words, and of the file's text only keys: it may hold what nobody should see. */
function explainSyntax(trouble: YAMLError, text: string): string {
  switch (trouble.code) {
    case 'DUPLICATE_KEY':
      return `duplicate key${keyAt(text, trouble.pos[0])}: it stands here twice; keep one of them`
    case 'TAB_AS_INDENT':
      return 'a tab is used to indent; YAML needs spaces'
    case 'MULTIPLE_DOCS':
      return 'a second document begins here; keep only one'
    case 'NON_STRING_KEY':
      return 'this key is not a text'
    case 'TAG_RESOLVE_FAILED':
      return 'tags (!name) are not read here; take it out'
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'not YAML: two keys on one line, or a text with ": " in it that needs quotes'
    case 'BAD_ALIAS':
      return 'not YAML: a text that begins with * or & needs quotes'
    case 'MISSING_CHAR':
      return 'not YAML: something that was opened is not closed, or a ":" or "," is missing'
    case 'BAD_INDENT':
      return 'not YAML: the indentation does not fit the lines above'
    case 'RESOURCE_EXHAUSTION':
      return 'is nested too deeply; this is not a muster.yaml'
    default:
      return `not YAML: ${trouble.code.toLowerCase().replaceAll('_', ' ')}; look at quotes, indentation and colons here`
  }
}

function keyAt(text: string, offset: number): string {
  const key = /^["']?([\w.-]{1,63})/.exec(text.slice(offset, offset + 80))?.[1]
  return key === undefined ? '' : ` "${key}"`
}

function plainData(document: Document, fileName: string, lines: LineCounter): unknown {
  let raw: unknown
  try {
    raw = document.toJS({ maxAliasCount: mostAliases })
  } catch (cause) {
    const unresolved = cause instanceof ReferenceError && /unresolved/i.test(cause.message)
    throw invalid(
      fileName,
      1,
      1,
      unresolved ? 'an alias (*name) has no anchor (&name) before it; quote a text that begins with *' : 'holds too many aliases; write the values out',
      cause,
    )
  }
  const odd = findOdd(raw)
  if (odd !== null) {
    const { line, column } = locate(document, lines, odd.path, 'key')
    throw invalid(fileName, line, column, odd.message)
  }
  return raw
}

/** What no schema would see: values that hold themselves, values of tags, and a key that objects treat apart. */
function findOdd(raw: unknown): { path: YamlPath; message: string } | null {
  const open = new Set<object>()
  const done = new Set<object>()
  const visit = (value: unknown, path: YamlPath): { path: YamlPath; message: string } | null => {
    if (typeof value !== 'object' || value === null || done.has(value)) return null
    if (open.has(value)) return { path, message: 'this alias stands for what it is in' }
    const isList = Array.isArray(value)
    if (!isList && Object.getPrototypeOf(value) !== Object.prototype) return { path, message: 'tags (!!name) are not read here; take it out' }
    open.add(value)
    for (const [key, member] of Object.entries(value)) {
      const inner = [...path, isList ? Number(key) : key]
      if (key === '__proto__') return { path: inner, message: 'unknown key "__proto__"' }
      const found = visit(member, inner)
      if (found) return found
    }
    open.delete(value)
    done.add(value)
    return null
  }
  return visit(raw, [])
}

function locate(document: Document, lines: LineCounter, path: YamlPath, at: Problem['at']): Position {
  let node: unknown = document.contents
  let offset = rangeStart(node) ?? 0
  for (const [index, step] of path.entries()) {
    node = isAlias(node) ? node.resolve(document) : node
    const isLast = index === path.length - 1
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step))
      if (!pair) break
      const keyStart = rangeStart(pair.key) ?? offset
      // A value that is not written, or a block below its key, is best pointed at by its key.
      const inline = isScalar(pair.value) && pair.value.value !== null
      offset = isLast && at === 'value' && inline ? (rangeStart(pair.value) ?? keyStart) : keyStart
      node = pair.value
    } else if (isSeq(node)) {
      node = node.items[Number(step)]
      if (node === undefined) break
      offset = rangeStart(node) ?? offset
    } else break
  }
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(1, line), column: Math.max(1, col) }
}

function rangeStart(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0]
}

/** The line on which nesting grows beyond all reason: the parser itself would not survive it. */
function tooDeep(text: string): number | null {
  let depth = 0
  let line = 0
  for (const content of text.split('\n')) {
    line += 1
    const lead = /^(?:\s*[-?:](?=\s))+\s*|^\s*/.exec(content)?.[0] ?? ''
    if (lead.length > 4 * deepestNesting) return line
    for (const character of content) {
      if (character === '[' || character === '{') depth += 1
      else if ((character === ']' || character === '}') && depth > 0) depth -= 1
      if (depth > deepestNesting) return line
    }
  }
  return null
}

function invalid(fileName: string, line: number, column: number, message: string, cause?: unknown): MusterError {
  return new MusterError('ConfigInvalid', `${fileName}:${line}:${column} ${message}`, cause === undefined ? {} : { cause })
}
