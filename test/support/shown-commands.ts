/** Whether commands that are shown to people exist. */
import type { Command } from 'commander'

/** Verbs and options of a command line that the program does not have. */
export function problemsOf(program: Command, command: string): string[] {
  const words = command.split(/\s+/).slice(1)
  const path: string[] = []
  let verb: Command = program
  while (verb.commands.length > 0 && words[0] !== undefined && words[0] !== 'help') {
    path.push(words.shift() as string)
    const next = verb.commands.find((one) => one.name() === path.at(-1))
    if (!next) return [`there is no verb "${path.join(' ')}" in: ${command}`]
    verb = next
  }
  const known = new Set([...verb.options, ...program.options].flatMap(({ long, short }) => [long, short]).filter((flag) => flag != null))
  known.add('--help')
  return words.filter((word) => /^--?[a-z]/i.test(word) && !known.has(word.replace(/=.*$/, ''))).map((word) => `there is no option ${word} in: ${command}`)
}
