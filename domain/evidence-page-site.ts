/** The systems of a lost site on the sheet of its failover: how each ended, and where its own record is. */
import { formatDuration } from './durations.ts'
import type { EvidenceLostSite, EvidenceOfSystem } from './evidence.ts'
import { html, section, table } from './html.ts'
import { isMissed } from './site-failover.ts'

const head = ['system', 'priority', 'to', 'outcome', 'back after', 'objective', 'lost', 'its own record'] as const

export function lostSiteSection({ systems, leftOut }: EvidenceLostSite): string {
  const left = leftOut.map((one) => [
    html(one.system),
    one.priority,
    '–',
    isMissed(one) ? '✗ left out' : 'left out',
    '–',
    '–',
    '–',
    html(`${one.why}: ${one.detail}`),
  ])
  return section('Systems', table(head, [...systems.map(cellsOf), ...left]))
}

function cellsOf({ system, priority, to, outcome, rtoSeconds, rtoObjectiveSeconds, lossSeconds, workflowId, runId, evidence }: EvidenceOfSystem): string[] {
  const met = rtoSeconds === null || rtoObjectiveSeconds === null ? '' : rtoSeconds <= rtoObjectiveSeconds ? ' ✓' : ' ✗'
  const record = evidence
    ? `${html(evidence.key)}<br><small>SHA-256 ${html(evidence.sha256)}</small>`
    : html(runId === null ? `${workflowId} was not started by this run` : `that of run ${runId}`)
  return [
    html(system),
    priority,
    html(to),
    html(outcome),
    duration(rtoSeconds),
    rtoObjectiveSeconds === null ? 'none set' : `${formatDuration(rtoObjectiveSeconds)}${met}`,
    duration(lossSeconds),
    record,
  ]
}

function duration(seconds: number | null): string {
  return seconds === null ? '–' : seconds < 10 ? `${seconds.toFixed(1)} s` : formatDuration(Math.ceil(seconds))
}
