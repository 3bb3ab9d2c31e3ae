/** What every store demands of a key, so that an object of one store fits into each other one. */
import { MusterError } from '../../domain/failures.ts'

const longestKeyBytes = 1024
const longestSegmentBytes = 255

/** Names at the root of a store that are never objects. */
export const temporaryFolder = '.muster-tmp'
const reservedNames: ReadonlySet<string> = new Set([temporaryFolder, 'lost+found'])

/** @throws MusterError InvalidInput for what some store could not keep, or that leads out of the store */
export function checkKey(key: string): void {
  const segments = key.split('/')
  const wrong = Buffer.byteLength(key) > longestKeyBytes || segments.some((name) => name === '' || !isSegment(name))
  if (wrong || isReserved(segments[0] ?? '')) throw refused('key', key)
}

/** A prefix is the beginning of keys, not only a folder: its last segment may be empty or cut short. */
export function checkPrefix(prefix: string): void {
  const segments = prefix.split('/')
  const last = segments.pop() ?? ''
  const wrong = segments.some((name) => name === '' || !isSegment(name)) || !isText(last)
  if (wrong || Buffer.byteLength(prefix) > longestKeyBytes) throw refused('prefix', prefix)
}

/** Whether a name at the root of a store belongs to the store or its filesystem. */
export function isReserved(name: string): boolean {
  return reservedNames.has(name)
}

/** The order of every listing: by the bytes of UTF-8, which is not the order of JavaScript's strings. */
export function compareBytewise(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right))
}

function isSegment(name: string): boolean {
  return name !== '.' && name !== '..' && isText(name) && Buffer.byteLength(name) <= longestSegmentBytes
}

function isText(name: string): boolean {
  return !/[\u0000-\u001f\u007f\ud800-\udfff]/u.test(name)
}

function refused(what: string, text: string): MusterError {
  return new MusterError('InvalidInput', `${JSON.stringify(text.slice(0, 200))} is not a ${what} of a store`, {
    hint: `segments are divided by one /, none is . or .. or longer than ${longestSegmentBytes} bytes; at most ${longestKeyBytes} bytes`,
  })
}
