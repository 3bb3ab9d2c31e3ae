/**
 * Names of unfinished copies in a directory store. A name tells the key it is for, and the
 * process that writes it, so that a later put can tell what a dead process has left.
 */
import { createHash, randomBytes } from 'node:crypto'
import { hostname } from 'node:os'

/** A file name holds 255 bytes; what is cut off is only used to choose what a sweep may look at. */
const longestKeyText = 140

const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8)
const active = new Set<string>()

/** A new name, which counts as being written until it is released. */
export function reserveTemporaryName(key: string): string {
  const name = `${stem(key)}.${host}.${process.pid}.${randomBytes(6).toString('hex')}`
  active.add(name)
  return name
}

export function releaseTemporaryName(name: string): void {
  active.delete(name)
}

/** Whether a name is of an unfinished copy of this key that no process of this host goes on writing. */
export function isLeftover(name: string, key: string): boolean {
  if (!name.startsWith(`${stem(key)}.`) || active.has(name)) return false
  const [writer, pid] = name.slice(stem(key).length + 1).split('.')
  return writer === host && (Number(pid) === process.pid || !isAlive(Number(pid)))
}

/** Whether a name may be of a key below a prefix; of very long keys only the beginning is compared. */
export function mayBeBelow(name: string, prefix: string): boolean {
  return name.startsWith(escaped(prefix)) && !active.has(name)
}

function stem(key: string): string {
  return `${escaped(key)}~${createHash('sha256').update(key).digest('hex').slice(0, 16)}`
}

/** `=` stands for `/`: encodeURIComponent leaves none behind. */
function escaped(key: string): string {
  return encodeURIComponent(key).replaceAll('%2F', '=').slice(0, longestKeyText)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
