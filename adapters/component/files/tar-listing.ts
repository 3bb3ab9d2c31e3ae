import type { ArchiveMember, ArchiveMemberType } from '../../../domain/archive-members.ts'
import { decodePath, rootPath } from '../../../domain/tree-path.ts'

/** How GNU tar must list for `parseMember`: pure ASCII, one line a member, names quoted as in C. */
export const listingArguments = ['--quoting-style=c', '--full-time', '--numeric-owner'] as const
export const listingEnvironment = { LC_ALL: 'C', TZ: 'UTC' } as const

const memberLine = /^([-a-zA-Z])([-rwxsStT]{9})[ .+*]? *(\d+)\/(\d+) +(\d+)(?:,\d+)? +\S+ \S+ +"((?:[^"\\]|\\.)*)"(?: (->|link to) "((?:[^"\\]|\\.)*)")?$/

const types: Readonly<Record<string, ArchiveMemberType>> = {
  '-': 'file',
  d: 'directory',
  l: 'symlink',
  h: 'hardlink',
  b: 'device',
  c: 'device',
  p: 'fifo',
}

/** Reads one line of a long listing, `-rw-r--r-- 0/0 5 2026-11-21 01:54:54.0 "a"`; null when it is none. */
export function parseMember(line: string): ArchiveMember | null {
  const match = memberLine.exec(line)
  if (!match) return null
  const [, kind, permissions, uid, gid, size, name, , target] = match as unknown as string[]
  const type = types[kind as string] ?? 'other'
  return {
    path: plainPath(unquote(name as string), type),
    type,
    mode: modeOf(permissions as string),
    uid: Number(uid),
    gid: Number(gid),
    sizeBytes: type === 'file' ? Number(size) : 0,
    ...(target === undefined ? {} : { linkTarget: unquote(target) }),
  }
}

const complaintLine = /^(?:\S*\/)?tar: (?:"((?:[^"\\]|\\.)*)": )?(.*)$/

/** Reads what tar says on stderr about one name, `tar: "a": Cannot stat: No such file or directory`. */
export function parseComplaint(line: string): { readonly path: string | null; readonly text: string } {
  const match = complaintLine.exec(line)
  if (!match) return { path: null, text: line }
  return { path: match[1] === undefined ? null : unquote(match[1]).replace(/(?<=.)\/$/, ''), text: match[2] as string }
}

function plainPath(path: string, type: ArchiveMemberType): string {
  if (type !== 'directory') return path
  return path === './' ? rootPath : path.replace(/\/$/, '')
}

function modeOf(permissions: string): number {
  let mode = 0
  for (const [at, letter] of [...permissions].entries()) {
    if ('rwxst'.includes(letter)) mode |= 1 << (8 - at)
    if ('sStT'.includes(letter)) mode |= at === 2 ? 0o4000 : at === 5 ? 0o2000 : 0o1000
  }
  return mode
}

const escapes: Readonly<Record<string, number>> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 }

function unquote(text: string): string {
  if (!text.includes('\\')) return text
  const bytes: number[] = []
  for (const [token] of text.matchAll(/\\[0-7]{3}|\\.|[^\\]/g)) {
    if (token.length === 4) bytes.push(Number.parseInt(token.slice(1), 8))
    else if (token.length === 2) bytes.push(escapes[token.charAt(1)] ?? token.charCodeAt(1))
    else bytes.push(token.charCodeAt(0))
  }
  return decodePath(Uint8Array.from(bytes))
}
