/** Text whose writer may mean harm: names of roles, functions and files, and what a program says of them. */

const controls = /[\p{Cc}\p{Cf}\u2028\u2029]/gu

/** In one line, without a character that moves the cursor or turns the reading direction, and not longer than a person reads. */
export function inOneLine(text: string, most = 200): string {
  const shown = text.replace(controls, (character) => `\\u${(character.codePointAt(0) as number).toString(16).padStart(4, '0')}`)
  return shown.length > most ? `${shown.slice(0, most - 1)}…` : shown
}
