/** Which runs have closed and are in no audit chain yet. */
import type { ClosedRun } from '../../../adapters/history/history.ts'
import type { Verifier } from '../../../adapters/crypto/crypto.ts'
import { MusterError } from '../../../domain/failures.ts'
import { readAudit } from '../../../repository/audit-chain.ts'
import type { AuditWriter } from '../../../repository/audit-writer.ts'
import type { Agent } from '../../agent.ts'

/** Every procedure but the archive itself, whose work are the records. */
export const archivedTypes = [
  'backupSystem',
  'archiveWal',
  'restoreSystem',
  'recoverToPointInTime',
  'drill',
  'failover',
  'failback',
  'failoverSite',
  'switchover',
  'installConfig',
  'monitorHealth',
  'refreshStandby',
  'respondToBreach',
  'probeSystem',
] as const

/** Runs of another site are left to it for so long; after that they are archived here, whatever became of it. */
const adoptSeconds = 24 * 3600

/** A run that has just closed may not be listed yet; each pass looks again at what the last ones may have missed. */
const listedLateSeconds = 60
const lookBackSeconds = adoptSeconds + 2 * 3600

export interface FoundRuns {
  /** To be archived, oldest first. */
  readonly keep: readonly ClosedRun[]
  /** Runs of this site that found everything in order: counted only, by when they closed. */
  readonly routine: readonly ClosedRun[]
  /** Where the last record ended; null before the first. */
  readonly from: string | null
  /** What closed before is listed. */
  readonly until: string
}

export async function findRuns(agent: Agent, writer: AuditWriter, verifier: Verifier): Promise<FoundRuns> {
  const now = agent.now()
  const from = writer.head?.record?.closedUntil ?? null
  const since = from === null ? null : secondsBefore(new Date(from), lookBackSeconds)
  const known = await knownRuns(agent.site, writer, verifier, since)
  const adoptBefore = secondsBefore(now, adoptSeconds)
  const found: ClosedRun[] = []
  for await (const run of agent.histories.closed(archivedTypes, since)) {
    const isOurs = (run.said.site ?? 'primary') === agent.site
    if (!known.has(run.runId) && (isOurs || run.closedAt < adoptBefore)) found.push(run)
  }
  found.sort((a, b) => (a.closedAt < b.closedAt ? -1 : 1))
  return {
    keep: found.filter((run) => !isRoutine(run)),
    routine: found.filter(isRoutine),
    from,
    until: secondsBefore(now, listedLateSeconds),
  }
}

/** Ids of runs that are in a chain already, of this site or another: in every record that may have what is listed. */
async function knownRuns(site: string, writer: AuditWriter, verifier: Verifier, since: string | null): Promise<ReadonlySet<string>> {
  const known = new Set<string>()
  if (since === null) return known
  const chains = [
    ...(writer.head ? [{ site, newest: writer.head.sequence }] : []),
    ...[...writer.others].map(([name, head]) => ({ site: name, newest: head.sequence })),
  ]
  for (const chain of chains) {
    for (let sequence = chain.newest; sequence > 0; sequence--) {
      const record = await readSomewhere(writer, verifier, chain.site, sequence)
      for (const { runId } of record?.runs ?? []) known.add(runId)
      if (record && record.at < since) break
    }
  }
  return known
}

async function readSomewhere(writer: AuditWriter, verifier: Verifier, site: string, sequence: number) {
  for (const store of writer.stores()) {
    try {
      const { record } = await readAudit(store, verifier, site, sequence)
      if (record) return record
    } catch (error) {
      if (!(error instanceof MusterError) || error.type !== 'ObjectMissing') throw error
    }
  }
  // A hole in the chain is for `muster audit verify` to tell; what it named is archived again.
  return null
}

/** Done so often, and so seldom with anything to say, that the good ones are only counted. */
const looks: readonly string[] = ['archiveWal', 'monitorHealth', 'refreshStandby', 'probeSystem']

function isRoutine({ type, status, said }: ClosedRun): boolean {
  return looks.includes(type) && status === 'completed' && said.outcome === 'succeeded' && said.evidence === null
}

function secondsBefore(time: Date, seconds: number): string {
  return new Date(time.getTime() - seconds * 1000).toISOString()
}
