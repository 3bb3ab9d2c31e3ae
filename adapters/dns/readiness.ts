/** Collects what a dry run proved and what it ran into. */
import type { RecordSet } from '../../domain/dns.ts'
import { MusterError } from '../../domain/failures.ts'
import type { DnsProblem, DnsReadiness } from './dns.ts'

export class Readiness {
  present: RecordSet | null = null
  private readonly proven: string[] = []
  private readonly problems: DnsProblem[] = []
  private readonly untried: string[]

  constructor(untried: readonly string[] = []) {
    this.untried = [...untried]
  }

  /** @param check answers with a sentence of what it proved; what it throws is a problem, except Cancelled */
  async prove(check: () => Promise<string>): Promise<void> {
    try {
      this.proven.push(await check())
    } catch (error) {
      if (!(error instanceof MusterError) || error.type === 'Cancelled') throw error
      const { type, message, hint } = error
      this.problems.push({ type, message, hint })
    }
  }

  result(): DnsReadiness {
    const { present, proven, problems, untried } = this
    return { present, proven, problems, untried }
  }
}
