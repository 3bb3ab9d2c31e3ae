/**
 * Names inside a tree. File names are bytes, almost always UTF-8. In memory a path is a string in
 * which each byte that is not part of valid UTF-8 stands as one lone surrogate (U+DC80 to U+DCFF):
 * one text per name, and the bytes come back exactly. A path is relative to its root, its parts are
 * joined by `/`, and the root itself is `.`.
 */

const loneSurrogate = /\p{Surrogate}/u
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** The path of the root itself. */
export const rootPath = '.'

export function decodePath(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes)
  } catch {
    return decodeByParts(bytes)
  }
}

/** The bytes that `decodePath` read. */
export function encodePath(path: string): Uint8Array {
  if (isUtf8Path(path)) return encoder.encode(path)
  const bytes: number[] = []
  for (const character of path) {
    const code = character.codePointAt(0) as number
    if (code >= 0xdc80 && code <= 0xdcff) bytes.push(code - 0xdc00)
    else bytes.push(...encoder.encode(character))
  }
  return Uint8Array.from(bytes)
}

export function isUtf8Path(path: string): boolean {
  return !loneSurrogate.test(path)
}

/** For people: one line, quoted; control characters and odd bytes as escapes. */
export function shownPath(path: string): string {
  return JSON.stringify(path).replace(/[\u007f-\u009f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/**
 * What is wrong with a path as a place inside a root, or null. `.` alone is the root;
 * anything that leaves the root or names a place in two ways is wrong.
 */
export function pathProblem(path: string): string | null {
  if (path === rootPath) return null
  if (path === '') return 'is empty'
  if (path.startsWith('/')) return 'is absolute'
  if (path.includes('\0')) return 'contains a NUL'
  for (const part of path.split('/')) {
    if (part === '..') return 'leads out of the tree by ".."'
    if (part === '' || part === '.') return 'is not in its plain form'
  }
  return null
}

/** `a/b/c` → `.`, `a`, `a/b`; the root has none. */
export function ancestorsOf(path: string): string[] {
  if (path === rootPath) return []
  const ancestors = [rootPath]
  for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) ancestors.push(path.slice(0, at))
  return ancestors
}

export function parentOf(path: string): string {
  const at = path.lastIndexOf('/')
  return at === -1 ? rootPath : path.slice(0, at)
}

/** Whether a path is `top` or lies below it. */
export function isAtOrBelow(path: string, top: string): boolean {
  return top === rootPath || path === top || path.startsWith(`${top}/`)
}

function decodeByParts(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; ) {
    const length = characterLength(bytes, at)
    text += length === 0 ? String.fromCharCode(0xdc00 + (bytes[at] as number)) : strict.decode(bytes.subarray(at, at + length))
    at += length || 1
  }
  return text
}

/** Length in bytes of the valid UTF-8 character at a place; 0 when there is none. */
function characterLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number
  const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  if (length === 0 || at + length > bytes.length) return 0
  try {
    strict.decode(bytes.subarray(at, at + length))
    return length
  } catch {
    return 0
  }
}
