/** Progress for the person who waits; figures alone go to standard output. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`)
}
