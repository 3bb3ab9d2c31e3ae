import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ClosedRun } from '../../../adapters/history/history.ts'
import { type AuditedRun, type AuditHead, countRoutine } from '../../../domain/audit.ts'
import { storesReachedBy } from '../../../domain/copies.ts'
import { isName } from '../../../domain/object-keys.ts'
import { auditPinFile } from '../../../repository/audit-pin.ts'
import { type AuditWriter, openAuditWriter } from '../../../repository/audit-writer.ts'
import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { archiveRun } from './archive-run.ts'
import { findRuns } from './find-runs.ts'

export interface ArchiveRunsInput {
  readonly configHash: string | null
}

export interface ArchivedRuns {
  readonly site: string
  readonly archived: number
  /** Found everything in order: counted, not kept. */
  readonly routine: number
  /** Audit records that were written. */
  readonly records: number
  /** Newest record; null where there is none. Written down elsewhere, it proves that nothing before it was cut. */
  readonly head: AuditHead | null
  /** What is not as it should be, and stands in a record. */
  readonly remarks: readonly string[]
  /** Stores that lack records for now. */
  readonly behind: readonly { readonly store: string; readonly problem: string }[]
}

const storeSeconds = 60
const runsPerRecord = 100
const mostRemarks = 50

/**
 * Archives the runs that have closed: history, evidence and replay kit of each, and then the audit record that names them.
 *
 * Effect: create-only objects in each store that this host reaches and that answers; what stores that were out lack; a note of the newest record on
 *   this host.
 * Idempotent: yes; what is in the chain is not archived again, and an attempt that died leaves objects that no record names.
 * Heartbeat: runs archived.
 * Fails with: TemporalUnreachable, Unreachable (no store), PreconditionFailed (the store with the newest record is out),
 *   RecordConflict (another writer; tried again), SecretMissing (no host key), DiskFull.
 */
export function archiveRuns(agent: Agent) {
  return async ({ configHash }: ArchiveRunsInput, work: Work): Promise<ArchivedRuns> => {
    const { config } = await agent.config(configHash)
    const verifier = await agent.verifier(config)
    const directory = join(agent.hostDirectory, 'archive', work.runId)
    const copying = { stagingDirectory: directory, signal: work.signal, onProgress: () => work.progress({ phase: 'catch up', doneBytes: 0, totalBytes: null }) }
    try {
      const writer = await openAuditWriter(
        {
          places: storesReachedBy(config, agent.host).map((name) => ({ name, open: () => agent.store(config, name) })),
          signer: await agent.signer(),
          verifier,
          organisation: config.organisation,
          site: agent.site,
          by: agent.host,
          pinFile: auditPinFile(agent.hostDirectory, agent.site),
          now: agent.now,
          secondsEach: storeSeconds,
        },
        copying,
      )
      const { keep, routine, from, until } = await findRuns(agent, writer, verifier)
      const remarks = [...writer.remarks]
      const noted = new Set<string>()
      const parts = { agent, writer, verifier, directory, signal: work.signal, note: (remark: string) => noted.add(remark), kits: new Set<string>() }
      const totals = { archived: 0, routine: 0, records: 0, remarks: [] as string[] }
      let after = from
      for (const batch of batchesOf(keep)) {
        const runs: AuditedRun[] = []
        for (const run of batch.runs) {
          work.signal.throwIfAborted()
          const audited = await archiveRun(parts, run)
          if (audited) runs.push(audited)
          work.progress({ phase: 'archive', doneBytes: totals.archived + runs.length, totalBytes: keep.length })
        }
        const closedUntil = batch.next ?? until
        const counted = routine.filter(({ closedAt }) => (after === null || closedAt >= after) && closedAt < closedUntil)
        const said = [...remarks.splice(0), ...noted].slice(0, mostRemarks)
        noted.clear()
        after = closedUntil
        if (runs.length + counted.length + said.length === 0) continue
        await append(writer, { closedUntil, runs, counted, remarks: said })
        totals.archived += runs.length
        totals.routine += counted.length
        totals.records += 1
        totals.remarks.push(...said)
      }
      const head = writer.head && { site: agent.site, sequence: writer.head.sequence, sha256: writer.head.sha256 }
      return { site: agent.site, ...totals, head, behind: writer.behind() }
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }
}

/** Oldest first; `next` is when the first run after the batch closed, null for the last one. An empty one too. */
function batchesOf(runs: readonly ClosedRun[]): readonly { readonly runs: readonly ClosedRun[]; readonly next: string | null }[] {
  const count = Math.max(1, Math.ceil(runs.length / runsPerRecord))
  return Array.from({ length: count }, (_, index) => ({
    runs: runs.slice(index * runsPerRecord, (index + 1) * runsPerRecord),
    next: runs[(index + 1) * runsPerRecord]?.closedAt ?? null,
  }))
}

async function append(
  writer: AuditWriter,
  parts: { readonly closedUntil: string; readonly runs: readonly AuditedRun[]; readonly counted: readonly ClosedRun[]; readonly remarks: readonly string[] },
): Promise<void> {
  const { closedUntil, runs, counted, remarks } = parts
  const routine = countRoutine(
    counted.map(({ type, said: { system }, closedAt }) => ({ procedure: type, system: system !== null && isName(system) ? system : null, closedAt })),
  )
  await writer.append({ closedUntil, runs, routine, remarks })
}
