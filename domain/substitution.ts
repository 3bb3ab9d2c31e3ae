/**
 * Replaces texts in the bytes of a file, all in one pass: what was put in is not looked at again, so that two texts can
 * change places. A text counts where it is a word of its own: `10.0.1.5` is not replaced in `10.0.1.50`. Everything else
 * in the file stays byte for byte.
 */

export interface TextPair {
  readonly replace: string
  readonly with: string
}

export interface Substituted {
  /** Null where nothing was replaced. */
  readonly bytes: Uint8Array | null
  /** By position in the texts: how often each was replaced. */
  readonly replaced: readonly number[]
  /** How often each stands inside a longer word, where it was left. */
  readonly insideWords: readonly number[]
  /** How often what is put in stood there before: on the way back it could not be told from what was put in. */
  readonly stoodThere: readonly number[]
}

/** A file with a zero byte is no text: its length may count. */
export function isText(bytes: Uint8Array): boolean {
  return !bytes.includes(0)
}

export function substitute(bytes: Uint8Array, texts: readonly TextPair[]): Substituted {
  const found = placesOf(
    bytes,
    texts.map((text) => text.replace),
  )
  const replaced = texts.map((_, index) => found.words.filter((place) => place.text === index).length)
  const others = texts.map((text) => (texts.some(({ replace }) => replace === text.with) ? null : text.with))
  const stoodThere = others.map((text) => (text === null ? 0 : placesOf(bytes, [text]).words.length))
  return { bytes: found.words.length === 0 ? null : put(bytes, found.words, texts), replaced, insideWords: found.insideWords, stoodThere }
}

interface Place {
  readonly at: number
  readonly sizeBytes: number
  readonly text: number
}

/** The longest text at a place counts; places do not overlap. */
function placesOf(bytes: Uint8Array, texts: readonly string[]): { readonly words: readonly Place[]; readonly insideWords: number[] } {
  const wanted = texts.map((text, index) => ({ index, needle: encoder.encode(text) })).sort((a, b) => b.needle.length - a.needle.length)
  const byFirst = new Map<number, typeof wanted>()
  for (const one of wanted) byFirst.set(one.needle[0] ?? -1, [...(byFirst.get(one.needle[0] ?? -1) ?? []), one])
  const words: Place[] = []
  const insideWords = texts.map(() => 0)
  for (let at = 0; at < bytes.length; at++) {
    for (const { index, needle } of byFirst.get(bytes[at] as number) ?? []) {
      if (!standsAt(bytes, needle, at)) continue
      if (!isWord(bytes, needle, at)) {
        insideWords[index] = (insideWords[index] ?? 0) + 1
        continue
      }
      words.push({ at, sizeBytes: needle.length, text: index })
      at += needle.length - 1
      break
    }
  }
  return { words, insideWords }
}

function standsAt(bytes: Uint8Array, needle: Uint8Array, at: number): boolean {
  if (at + needle.length > bytes.length) return false
  for (let index = 1; index < needle.length; index++) if (bytes[at + index] !== needle[index]) return false
  return true
}

/** Letters, digits, and the bytes of letters beyond ASCII, on both sides of an edge, make one word of it. */
function isWord(bytes: Uint8Array, needle: Uint8Array, at: number): boolean {
  const goesOn = (inner: number | undefined, outer: number | undefined) => isWordByte(inner) && isWordByte(outer)
  return !goesOn(needle[0], bytes[at - 1]) && !goesOn(needle.at(-1), bytes[at + needle.length])
}

function isWordByte(byte: number | undefined): boolean {
  if (byte === undefined) return false
  return byte >= 0x80 || (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)
}

function put(bytes: Uint8Array, places: readonly Place[], texts: readonly TextPair[]): Uint8Array {
  const others = texts.map((text) => encoder.encode(text.with))
  const grown = places.reduce((sum, { text, sizeBytes }) => sum + (others[text]?.length ?? 0) - sizeBytes, 0)
  const result = new Uint8Array(bytes.length + grown)
  let from = 0
  let to = 0
  for (const { at, sizeBytes, text } of places) {
    const other = others[text] as Uint8Array
    result.set(bytes.subarray(from, at), to)
    to += at - from
    result.set(other, to)
    to += other.length
    from = at + sizeBytes
  }
  result.set(bytes.subarray(from), to)
  return result
}

const encoder = new TextEncoder()
