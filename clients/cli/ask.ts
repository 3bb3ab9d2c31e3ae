/** Asking the person at the terminal. */
import { createInterface } from 'node:readline/promises'
import { MusterError } from '../../domain/failures.ts'

export interface Asking {
  /** @returns the answer, without blanks around it; empty where the terminal was closed */
  ask(question: string): Promise<string>
}

/** @param refusal what to type instead, where nobody sits at a terminal. @throws MusterError InvalidInput */
export function askAtTerminal(refusal: string): Asking {
  if (!process.stdin.isTTY || !process.stderr.isTTY) throw new MusterError('InvalidInput', 'nobody can be asked: this is no terminal', { hint: refusal })
  return {
    async ask(question) {
      const lines = createInterface({ input: process.stdin, output: process.stderr })
      try {
        return (await lines.question(`${question} `)).trim()
      } catch {
        return ''
      } finally {
        lines.close()
      }
    },
  }
}

/** Says yes to all that may be said yes to. */
export const sayYes: Asking = { ask: async () => 'yes' }
