/** One command for several runs. */
import { explain, type Output } from './output.ts'

/** What to print of one, for a program and for a person. */
export type Printed = readonly [result: unknown, human: () => void]

/**
 * One after the other, each printed as soon as it is done; one that is refused is told and keeps none from its turn.
 * @param work gives the name of what it is about, and does it
 * @throws what the first that was refused threw, after all had their turn
 */
export async function eachOf<T>(out: Output, all: readonly T[], work: (one: T) => readonly [about: string, done: Promise<Printed>]): Promise<void> {
  const results: unknown[] = []
  const failed: unknown[] = []
  for (const one of all) {
    const [about, done] = work(one)
    try {
      const [result, human] = await done
      results.push(result)
      if (!out.json) human()
    } catch (error) {
      failed.push(error)
      out.warn(`${about}: ${explain(error).message}`)
    }
  }
  if (failed.length > 0) throw failed[0]
  out.result(results, () => undefined)
}
