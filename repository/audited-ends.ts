/** Which runs that a Temporal shows as running have ended, as the audit chains say: also those that left no evidence. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { AuditedRun } from '../domain/audit.ts'
import { type KnownRun, siteOfRun } from '../domain/adoption.ts'
import { MusterError } from '../domain/failures.ts'
import { auditPrefix, parseAuditKey } from '../domain/object-keys.ts'
import { readAudit } from './audit-chain.ts'
import type { KnownRuns } from './known-runs.ts'
import type { NamedPlace } from './put-everywhere.ts'
import { signedBy, type SignedRun, takenAtOf } from './signed-run.ts'
import { within } from './within.ts'

export interface AuditedEndsDeps {
  readonly places: readonly NamedPlace[]
  readonly verifier: Verifier
  readonly secondsEach: number
}

interface AskedRun {
  readonly runId: string
  readonly startedAt: string
}

/** Of each chain the newest so many are read: four days of an hourly archive. */
const mostRecords = 100

/** Nothing is read where no run is asked for. Never throws for what a store says. */
export async function endedByAudit(deps: AuditedEndsDeps, sites: readonly string[], runs: readonly AskedRun[]): Promise<KnownRuns> {
  if (runs.length === 0) return { runs: [], unread: [] }
  const oldest = runs.reduce((first, { startedAt }) => (startedAt < first ? startedAt : first), runs[0]?.startedAt ?? '')
  const wanted = new Set(runs.map(({ runId }) => runId))
  const found: SignedRun[] = []
  const unread = new Set<string>()
  await Promise.all(
    deps.places.flatMap((place) =>
      sites.map(async (site) => {
        try {
          await within(deps.secondsEach, () => readBack(deps, place, site, oldest, wanted, found), `store "${place.name}"`)
        } catch (error) {
          if (!(error instanceof MusterError)) throw error
          unread.add(place.name)
        }
      }),
    ),
  )
  return { runs: found, unread: [...unread] }
}

async function readBack(
  { verifier }: AuditedEndsDeps,
  place: NamedPlace,
  site: string,
  oldest: string,
  wanted: ReadonlySet<string>,
  found: SignedRun[],
): Promise<void> {
  const store = await place.open()
  const numbers = new Map<number, string>()
  for await (const stat of store.list(auditPrefix(site))) numbers.set(parseAuditKey(stat.key)?.sequence ?? 0, takenAtOf(stat))
  for (const [sequence, takenAt] of [...numbers].sort(([a], [b]) => b - a).slice(0, mostRecords)) {
    const { record, signer } = await readAudit(store, verifier, site, sequence)
    for (const run of record?.runs ?? []) {
      const system = run.system ?? siteOfRun(run.workflowId)
      if (record === null || signer === null || system === null || !wanted.has(run.runId)) continue
      found.push({ run: ofAudit(run, system), signed: signedBy(signer, record.at, takenAt), what: `audit record ${sequence} of ${site}` })
    }
    if (record && record.at < oldest) return
  }
}

function ofAudit({ workflowId, runId, procedure, startedAt, closedAt, outcome, status }: AuditedRun, system: string): KnownRun {
  return { workflowId, runId, system, procedure, startedAt, endedAt: closedAt, outcome: outcome ?? status, begunAt: null, lastStepAt: null }
}
