/** What was typed after `npm run bench --`. Pure. */

/** By name: a number is a default, and the option takes numbers; of words the option takes one, the first is the default. */
export type OptionSpecs = Readonly<Record<string, number | readonly string[]>>
export type Options = Readonly<Record<string, number | string>>

export interface Request {
  readonly bench: string
  /** Misses of a target make the exit code 1. */
  readonly strict: boolean
  readonly options: Options
}

/** @returns the request, or a sentence that says what is wrong and what there is */
export function parseCommandLine(words: readonly string[], benches: Readonly<Record<string, OptionSpecs>>): Request | string {
  const [bench = '', ...rest] = words
  const specs = Object.hasOwn(benches, bench) ? benches[bench] : undefined
  if (!specs) return `there is no bench "${bench}"; there are: ${Object.keys(benches).join(', ')}`
  const options: Record<string, number | string> = { ...defaultsOf(specs) }
  let strict = false
  while (rest.length > 0) {
    const word = rest.shift() as string
    if (word === '--strict') {
      strict = true
      continue
    }
    const name = word.replace(/^--/, '')
    const spec = Object.hasOwn(specs, name) ? specs[name] : undefined
    if (!word.startsWith('--') || spec === undefined) {
      return `${bench} has no option ${word}; it has: ${[...Object.keys(specs).map((one) => `--${one}`), '--strict'].join(', ')}`
    }
    const value = valueOf(rest.shift() ?? '', spec)
    if (value === null) return `--${name} takes ${typeof spec === 'number' ? `a number, such as ${spec}` : `one of: ${spec.join(', ')}`}`
    options[name] = value
  }
  return { bench, strict, options }
}

export function defaultsOf(specs: OptionSpecs): Options {
  return Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, typeof spec === 'number' ? spec : (spec[0] ?? '')]))
}

/** Null where a word is not what the option takes. */
function valueOf(text: string, spec: number | readonly string[]): number | string | null {
  if (typeof spec !== 'number') return spec.includes(text) ? text : null
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : null
}
