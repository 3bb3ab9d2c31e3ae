/**
 * Whether two patterns can name the same file, and which: both are walked through together, character by character, along
 * the shortest path that both accept. What a pattern takes because it names a directory above is not looked at: any name
 * could be a directory, and `*.env` and `*.conf` would share `.env/.conf`. Pure; see tree-patterns.ts.
 */
import { fullPath, plainPattern } from './tree-patterns.ts'

/** A pattern, and the root that it is read against. */
export interface PlacedPattern {
  readonly pattern: string
  readonly root: string
}

type Token = string | typeof one | typeof some | typeof all | typeof deep
const one = Symbol('? one character but /')
const some = Symbol('* any characters but /')
const all = Symbol('** any characters')
const deep = Symbol('**/ nothing, or any characters and /')

/** The shortest path below the roots that both patterns name in full; null where there is none. */
export function sharedPath(left: PlacedPattern, right: PlacedPattern): string | null {
  const [a, b] = [tokensOf(left.pattern), tokensOf(right.pattern)]
  let states: readonly Walked[] = [{ a: startOf(left, a), b: startOf(right, b), path: '' }]
  const seen = new Set<string>()
  while (states.length > 0) {
    const next: Walked[] = []
    for (const at of states) {
      if (isPath(at.path) && accepts(at.a, a) && accepts(at.b, b)) return at.path
      for (const character of choices(at, a, b)) {
        if (character === '/' && !isPath(at.path)) continue
        const to = { a: step(at.a, a, character), b: step(at.b, b, character), path: at.path + character }
        const key = `${[...to.a].join()}|${[...to.b].join()}|${character === '/'}`
        if (to.a.size === 0 || to.b.size === 0 || seen.has(key)) continue
        seen.add(key)
        next.push(to)
      }
    }
    states = next
  }
  return null
}

/** Places in the tokens that may be reached. */
type Places = ReadonlySet<number>

interface Walked {
  readonly a: Places
  readonly b: Places
  readonly path: string
}

function isPath(path: string): boolean {
  const last = path.slice(path.lastIndexOf('/') + 1)
  return last !== '' && last !== '.' && last !== '..'
}

function tokensOf(written: string): readonly Token[] {
  const pattern = plainPattern(written)
  const tokens = [...pattern.matchAll(/\*\*\/|\*\*|\*|\?|./gsu)].map(([text]): Token => {
    if (text === '**/') return deep
    // Within one name there is no slash to go over.
    if (text === '**') return pattern.includes('/') ? all : some
    return text === '*' ? some : text === '?' ? one : text
  })
  return pattern.includes('/') ? tokens : [deep, ...tokens]
}

/** A pattern of whole paths has come through the root, and the slash after it, before the first name. */
function startOf({ pattern, root }: PlacedPattern, tokens: readonly Token[]): Places {
  const start = spread([0], tokens)
  if (!pattern.startsWith('/')) return start
  const above = fullPath(root, 'x').slice(0, -1)
  return [...above].reduce((places: Places, character) => step(places, tokens, character), start)
}

/** Even numbers are places before a token, the last one past the end; odd ones are inside what `**` with a slash stands for. */
function step(places: Places, tokens: readonly Token[], character: string): Places {
  const end = tokens.length * 2
  const next: number[] = []
  for (const place of places) {
    const token = tokens[place >> 1]
    if (place === end) continue
    if (token === deep) next.push(place | 1, ...(character === '/' ? [(place | 1) + 1] : []))
    else if (token === all || (token === some && character !== '/')) next.push(place)
    else if ((token === one && character !== '/') || token === character) next.push(place + 2)
  }
  return spread(next, tokens)
}

/** What may stand for nothing is passed. */
function spread(places: readonly number[], tokens: readonly Token[]): Places {
  const found = new Set<number>()
  const open = [...places]
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    if (found.has(place)) continue
    found.add(place)
    const token = tokens[place >> 1]
    if (place % 2 === 0 && (token === all || token === some || token === deep)) open.push(place + 2)
  }
  return found
}

function accepts(places: Places, tokens: readonly Token[]): boolean {
  return places.has(tokens.length * 2)
}

/** Any other character leads where `a` does. */
function choices({ a, b }: Walked, left: readonly Token[], right: readonly Token[]): ReadonlySet<string> {
  const named = [...[...a].map((place) => left[place >> 1]), ...[...b].map((place) => right[place >> 1])]
  return new Set([...named.filter((token): token is string => typeof token === 'string'), 'a', '/'])
}
