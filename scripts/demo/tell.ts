/** What a person sees: a label once, what happened beside it, seconds at the right. */
const indent = 20
const width = 100

export interface Teller {
  /** A line under a label; the label is shown when it changes. */
  line(label: string, text: string, seconds?: number): void
  /** A line of parts, each with a tick once it is there. */
  begin(label: string): void
  part(text: string): void
  end(): void
  plain(text?: string): void
}

export function createTeller(out: NodeJS.WritableStream = process.stdout): Teller {
  let shown = ''
  let column = 0
  const labelled = (label: string) => {
    const text = label === shown ? '' : label
    shown = label
    return `  ${text}`.padEnd(indent)
  }
  return {
    line(label, text, seconds) {
      const taken = seconds === undefined ? '' : `${seconds.toFixed(1)} s`.padStart(8)
      const [first = '', ...more] = wrap(text, width - indent - (taken === '' ? 0 : taken.length + 1))
      out.write(`${labelled(label)}${taken === '' ? first : first.padEnd(width - indent - taken.length)}${taken}\n`)
      for (const one of more) out.write(`${' '.repeat(indent)}${one}\n`)
    },
    begin(label) {
      out.write(labelled(label))
      column = indent
    },
    part(text) {
      const part = `${text} ✓  `
      if (column + part.length > width) {
        out.write(`\n${' '.repeat(indent)}`)
        column = indent
      }
      out.write(part)
      column += part.length
    },
    end() {
      out.write('\n')
    },
    plain(text = '') {
      shown = ''
      out.write(`${text}\n`)
    },
  }
}

/** At spaces; what has none stays whole. */
function wrap(text: string, room: number): readonly string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= room) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

/** `1 204`: digits in threes. */
export function count(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, ' ')
}

/** `12:00:31.204`, UTC. */
export function clock(time: number | string): string {
  return new Date(time).toISOString().slice(11, 23)
}

export function seconds(value: number): string {
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} s`
}

/** The steps that took longest, in their order. */
export function stepsText(steps: readonly { readonly name: string; readonly seconds: number }[], most = 3): string {
  const longest = [...steps].sort((a, b) => b.seconds - a.seconds).slice(0, most)
  return steps
    .filter((step) => longest.includes(step))
    .map(({ name, seconds: taken }) => `${name} ${taken.toFixed(1)}\u00a0s`)
    .join(' · ')
}
