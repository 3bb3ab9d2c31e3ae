/**
 * Patterns that name files of a tree: those of `exclude`, `allowUnreadable` and `restore`. `*` stands for any characters
 * but `/`, `**` for any characters, `?` for one character but `/`; everything else stands for itself. A pattern
 * - without `/` is compared with each name, at any depth (`*.tmp`, `cache`);
 * - beginning with `/` with the whole path, as configured (`/srv/app/uploads/private`);
 * - otherwise with the path below its root (`thumbs/**`).
 * What matches is meant with everything in it.
 */
import { rootPath } from './tree-path.ts'

/** @param root the configured path @param path below it, as in an index */
export type PathPatterns = (root: string, path: string) => boolean

export function compilePatterns(patterns: readonly string[]): PathPatterns {
  const compiled = patterns.map(compilePattern)
  return (root, path) => compiled.some((matches) => matches(root, path))
}

export function compilePattern(written: string): PathPatterns {
  const pattern = plainPattern(written)
  const expression = new RegExp(`^${expressionFor(pattern)}$`, 'su')
  const matches = (text: string): boolean => {
    // A directory that matches takes everything in it along.
    for (let end = text.indexOf('/', 1); end !== -1; end = text.indexOf('/', end + 1)) {
      if (expression.test(text.slice(0, end))) return true
    }
    return expression.test(text)
  }
  if (pattern.startsWith('/')) return (root, path) => matches(fullPath(root, path))
  if (pattern.includes('/')) return (_root, path) => matches(path)
  return (_root, path) => path.split('/').some((name) => expression.test(name))
}

/** `/srv/app` and `a/b` → `/srv/app/a/b`. */
export function fullPath(root: string, path: string): string {
  return path === rootPath ? root : `${root === '/' ? '' : root}/${path}`
}

/** Whether a pattern may match anything at or below one of these roots; false only where it certainly cannot. */
export function canMatchBelow(written: string, roots: readonly string[]): boolean {
  const pattern = plainPattern(written)
  if (!pattern.startsWith('/')) return true
  const wild = pattern.search(/[*?]/)
  if (wild === -1) return roots.some((root) => isAtOrInside(pattern, root) || isAtOrInside(root, pattern))
  const start = pattern.slice(0, wild)
  return roots.some((root) => `${root === '/' ? '' : root}/`.startsWith(start) || isAtOrInside(start, root))
}

/** Whether a pattern takes all of a root. */
export function matchesRoot(pattern: string, root: string): boolean {
  return plainPattern(pattern).startsWith('/') && compilePattern(pattern)(root, rootPath)
}

/** Without slashes at its end. */
export function plainPattern(pattern: string): string {
  return pattern.length > 1 ? pattern.replace(/\/+$/, '') : pattern
}

function isAtOrInside(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer === '/' ? '/' : `${outer}/`)
}

function expressionFor(pattern: string): string {
  return pattern.replace(/\*\*\/|\*\*|\*|\?|[\\^$.|+()[\]{}]/g, (token) => {
    if (token === '**/') return '(?:.*/)?'
    if (token === '**') return '.*'
    if (token === '*') return '[^/]*'
    return token === '?' ? '[^/]' : `\\${token}`
  })
}
