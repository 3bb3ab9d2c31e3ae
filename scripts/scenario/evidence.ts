/** Whether the signed records of both moves are there and prove true, as an auditor sees it: archived first, then verified. */
import type { AuditFindings } from '../../clients/audit-verify.ts'
import { startRun } from '../../clients/runs.ts'
import type { AuditedRun } from '../../domain/audit.ts'
import type { Stage } from './set-up.ts'
import { ask, tell } from './site.ts'

export interface EvidenceLook {
  readonly verified: boolean
  /** What is wrong; null where all is true. */
  readonly problem: string | null
}

const wanted = ['failover', 'failback']

export async function verifyEvidence({ places, temporal: { client } }: Stage): Promise<EvidenceLook> {
  // What the schedule of each site does every hour.
  for (const site of ['dr', 'primary']) {
    const handle = await startRun(client, { type: 'archiveHistories', system: 'shop', site, input: { requestedBy: 'the scenario' }, id: 'additive' })
    await handle.result()
  }
  const { runs } = await tell<{ runs: readonly AuditedRun[] }>(places, 'primary', ['audit', 'list', '--system', 'shop'])
  const without = wanted.filter((procedure) => !runs.some((run) => run.procedure === procedure && run.outcome === 'succeeded' && run.evidence !== null))
  if (without.length > 0) return { verified: false, problem: `no evidence of ${without.join(' and ')} is archived` }
  const { exitCode, result } = await ask<AuditFindings>(places, 'primary', ['audit', 'verify'])
  if (exitCode === 0 && result.problems.length === 0) return { verified: true, problem: null }
  const problems = result.error?.message ?? result.problems.map(({ store, what }) => `${store ?? 'every store'}: ${what}`).join('; ')
  return { verified: false, problem: `muster audit verify ended with ${exitCode}: ${problems}` }
}
