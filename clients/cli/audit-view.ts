/** What is audited, as a person reads it. */
import type { AuditedRun, AuditHead } from '../../domain/audit.ts'
import type { ReplayedRun } from '../audit-replay.ts'
import type { AuditFindings } from '../audit-verify.ts'
import type { Output } from './output.ts'

const mostProblems = 100

export function showRuns(out: Output, runs: readonly AuditedRun[]): void {
  if (runs.length === 0) out.line('no run is archived; the archive runs every hour')
  for (const { closedAt, procedure, system, outcome, status, runId, workflowId, evidence } of runs) {
    out.line(
      `${closedAt.slice(0, 16).replace('T', ' ')}  ${procedure.padEnd(21)} ${(system ?? '–').padEnd(12)} ${(outcome ?? status).padEnd(12)} ${runId}  ${workflowId}`,
    )
    out.line(`${' '.repeat(18)}${evidence ? evidence.key : 'no evidence'}`)
  }
}

/** As `verify --head` takes it. */
export function showHeads(out: Output, heads: readonly AuditHead[]): void {
  for (const { site, sequence, sha256 } of heads) out.line(`newest record: ${site}:${sequence}:${sha256}`)
  if (heads.length > 0) out.line('  written down elsewhere, it proves that none was cut: muster audit verify --head SITE:NUMBER:SHA256')
}

export function showFindings(out: Output, { sites, stores, problems }: AuditFindings): void {
  if (sites.length === 0) out.line('there is no audit record yet; the archive runs every hour')
  for (const { head, at, runs, routine } of sites) {
    out.line(`site ${head.site}   ${head.sequence} records, the newest of ${at.slice(0, 16)}Z: ${runs} runs kept, ${routine} more found everything in order`)
  }
  for (const { store, proven } of stores) out.line(`  ${store.padEnd(12)} ${proven} documents and objects are what was signed`)
  for (const { store, what } of problems.slice(0, mostProblems)) out.line(`  ✗ ${store === null ? '' : `${store}: `}${what}`)
  if (problems.length > mostProblems) out.line(`  … and ${problems.length - mostProblems} more`)
  if (problems.length > 0) return out.line('    → find out who can write to the store; what another store still has whole is used from there')
  out.line('nothing was edited, is missing or was cut')
  showHeads(
    out,
    sites.map(({ head }) => head),
  )
}

export function showReplay(out: Output, { run, events, original, today }: ReplayedRun): void {
  out.line(
    `${run.procedure} of ${run.system ?? 'no system'}, ${run.workflowId}, ended ${run.closedAt}: ${run.outcome ?? run.status}   (record ${run.record.sequence} of site ${run.record.site})`,
  )
  if (original) {
    out.line(`  the code that decided it   ${original.code.slice(0, 12)}, Muster ${original.muster}, SDK ${original.sdk}, Node ${original.node}`)
    out.line(
      original.replays ? `  ✓ ${events} events replay: that code, given these answers, decides exactly this` : `  ✗ does not replay: ${original.problem}`,
    )
    if (!original.replays) out.line('    → the history, or the kit, is not what it was; look: muster audit verify')
  }
  if (today) {
    out.line(`  the code of today          ${today.code.slice(0, 12)}, SDK ${today.sdk}`)
    out.line(today.replays ? '  ✓ still replays' : `  ${original ? '!' : '✗'} differs: the workflow has changed since: ${today.problem}`)
    return
  }
  out.line('  it is the code of today: nothing has changed since')
}
