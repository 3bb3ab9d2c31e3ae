/** Which runs that a Temporal shows as running have ended, as the audit chains say: also those that left no evidence. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { AuditedRun } from '../domain/audit.ts'
import type { KnownRun } from '../domain/adoption.ts'
import { MusterError } from '../domain/failures.ts'
import { auditPrefix, parseAuditKey } from '../domain/object-keys.ts'
import { readAudit } from './audit-chain.ts'
import type { NamedPlace } from './put-everywhere.ts'
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
export async function endedByAudit(deps: AuditedEndsDeps, sites: readonly string[], runs: readonly AskedRun[]): Promise<readonly KnownRun[]> {
  if (runs.length === 0) return []
  const oldest = runs.reduce((first, { startedAt }) => (startedAt < first ? startedAt : first), runs[0]?.startedAt ?? '')
  const wanted = new Set(runs.map(({ runId }) => runId))
  const found = new Map<string, KnownRun>()
  await Promise.all(
    deps.places.flatMap((place) =>
      sites.map(async (site) => {
        try {
          await within(deps.secondsEach, () => readBack(deps, place, site, oldest, wanted, found), `store "${place.name}"`)
        } catch (error) {
          if (!(error instanceof MusterError)) throw error
        }
      }),
    ),
  )
  return [...found.values()]
}

async function readBack(
  { verifier }: AuditedEndsDeps,
  place: NamedPlace,
  site: string,
  oldest: string,
  wanted: ReadonlySet<string>,
  found: Map<string, KnownRun>,
): Promise<void> {
  const store = await place.open()
  const numbers: number[] = []
  for await (const { key } of store.list(auditPrefix(site))) numbers.push(parseAuditKey(key)?.sequence ?? 0)
  for (const sequence of numbers.sort((a, b) => b - a).slice(0, mostRecords)) {
    const { record } = await readAudit(store, verifier, site, sequence)
    for (const run of record?.runs ?? []) if (wanted.has(run.runId) && run.system !== null) found.set(run.runId, ofAudit(run, run.system))
    if (record && record.at < oldest) return
  }
}

function ofAudit({ workflowId, runId, procedure, startedAt, closedAt, outcome, status }: AuditedRun, system: string): KnownRun {
  return { workflowId, runId, system, procedure, startedAt, endedAt: closedAt, outcome: outcome ?? status, begunAt: null, lastStepAt: null }
}
