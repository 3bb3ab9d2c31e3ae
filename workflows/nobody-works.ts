/** Where a run works at a site that may be lost, or that nobody meant. */
import { failureOf } from './failure-of.ts'
import { fail } from './procedure.ts'

/** The first look of a run that leaves a site. @throws ApplicationFailure AgentAbsent naming the site at which nobody takes the step */
export async function unlessNobodyWorks<T>(site: string, look: Promise<T>): Promise<T> {
  try {
    return await look
  } catch (error) {
    const { type, message } = failureOf(error)
    if (type !== 'AgentAbsent') throw error
    throw fail('AgentAbsent', `nobody works at site ${site}, where this run does: ${message}; started by hand, its input says with "at" where it works`)
  }
}
