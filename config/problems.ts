/** What is wrong with a muster.yaml, and where; all of it at once. */
import type { FailureType } from '../domain/failures.ts'
import { MusterError } from '../domain/failures.ts'

export type YamlPath = readonly (string | number)[]

export interface Problem {
  readonly path: YamlPath
  /** Whether the key or its value is pointed at. */
  readonly at: 'key' | 'value'
  readonly message: string
  readonly type: Extract<FailureType, 'ConfigInvalid' | 'NotSupported'>
}

export interface Position {
  readonly line: number
  readonly column: number
}

/** Collects problems while a configuration is read. */
export type Report = (path: YamlPath, message: string, at?: Problem['at']) => void

const mostShown = 50

/**
 * One line per problem, in the order of the file: `muster.yaml:31:7 unknown key …`.
 * Its type is NotSupported only where nothing else is wrong.
 */
export function configError(fileName: string, problems: readonly Problem[], locate: (problem: Problem) => Position): MusterError {
  const placed = problems.map((problem) => ({ ...locate(problem), message: problem.message })).sort((a, b) => a.line - b.line || a.column - b.column)
  const lines = [...new Set(placed.map(({ line, column, message }) => `${fileName}:${line}:${column} ${oneLine(message)}`))]
  const shown = lines.slice(0, mostShown)
  if (lines.length > mostShown) shown.push(`… and ${lines.length - mostShown} more`)
  const type = problems.every((problem) => problem.type === 'NotSupported') ? 'NotSupported' : 'ConfigInvalid'
  return new MusterError(type, shown.join('\n'))
}

/** What a file holds can carry anything; a message stays on its line. */
function oneLine(message: string): string {
  return message.replace(/\p{Cc}+/gu, ' ')
}
