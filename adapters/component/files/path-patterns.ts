import { shownPath } from '../../../domain/tree-path.ts'

/**
 * The patterns of `exclude` and `allowUnreadable`. `*` stands for any characters but `/`, `**` for any
 * characters, `?` for one character but `/`; everything else stands for itself. A pattern
 * - without `/` is compared with each name, at any depth (`*.tmp`, `cache`);
 * - beginning with `/` with the whole path, as configured (`/srv/app/uploads/private`);
 * - otherwise with the path below its root (`thumbs/**`).
 * What matches is meant with everything in it.
 */
export type PathPatterns = (rootPath: string, path: string) => boolean

export function compilePatterns(patterns: readonly string[]): PathPatterns {
  const compiled = patterns.map((pattern) => compile(pattern.length > 1 ? pattern.replace(/\/+$/, '') : pattern))
  return (rootPath, path) => compiled.some((matches) => matches(rootPath, path))
}

/** The folders in which restores keep what they set aside, epochs and journals: never part of a backup. */
export function isSetAsideFolder(name: string): boolean {
  return name.startsWith('.muster-')
}

/** `/srv/app` and `a/b` → `"/srv/app/a/b"`, for messages. */
export function shownFullPath(rootPath: string, path: string): string {
  return shownPath(fullPath(rootPath, path))
}

function fullPath(rootPath: string, path: string): string {
  return path === '.' ? rootPath : `${rootPath === '/' ? '' : rootPath}/${path}`
}

function compile(pattern: string): (rootPath: string, path: string) => boolean {
  const expression = new RegExp(`^${expressionFor(pattern)}$`, 'su')
  const matches = (text: string): boolean => {
    // A directory that matches takes everything in it along.
    for (let end = text.indexOf('/', 1); end !== -1; end = text.indexOf('/', end + 1)) {
      if (expression.test(text.slice(0, end))) return true
    }
    return expression.test(text)
  }
  if (pattern.startsWith('/')) return (rootPath, path) => matches(fullPath(rootPath, path))
  if (pattern.includes('/')) return (_rootPath, path) => matches(path)
  return (_rootPath, path) => path.split('/').some((name) => expression.test(name))
}

function expressionFor(pattern: string): string {
  return pattern.replace(/\*\*\/|\*\*|\*|\?|[\\^$.|+()[\]{}]/g, (token) => {
    if (token === '**/') return '(?:.*/)?'
    if (token === '**') return '.*'
    if (token === '*') return '[^/]*'
    return token === '?' ? '[^/]' : `\\${token}`
  })
}
