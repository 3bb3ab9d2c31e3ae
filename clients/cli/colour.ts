/** Colour on a terminal only, and never the only carrier of a meaning. */
export interface Paint {
  good(text: string): string
  warn(text: string): string
  bad(text: string): string
}

export function createPaint(options: { readonly json: boolean }, stdout: NodeJS.WriteStream = process.stdout): Paint {
  const on = !options.json && stdout.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb'
  const paint = (code: number) => (text: string) => (on ? `\x1b[${code}m${text}\x1b[0m` : text)
  return { good: paint(32), warn: paint(33), bad: paint(31) }
}
