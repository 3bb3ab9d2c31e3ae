/** Whether a system was rehearsed as its configuration asks, and what the last rehearsal proved. */
import type { DrillRule } from './config.ts'
import type { Evidence } from './evidence.ts'
import { missedRuns } from './schedule-due.ts'
import { parseSchedule } from './schedule-spec.ts'

export interface Proof {
  /** The newest drill that brought everything back; null when none ever did. */
  readonly lastProven: { readonly at: string; readonly kind: Evidence['kind']; readonly rtoSeconds: number | null } | null
  /** What is wrong, for a person. */
  readonly problems: readonly string[]
}

/** @param all newest last; `drills` as configured */
export function judgeProof(all: readonly Evidence[], drills: readonly DrillRule[], now: Date): Proof {
  const evidence = all.filter(({ procedure }) => procedure === 'drill')
  const proving = evidence.findLast(({ outcome }) => outcome === 'succeeded' || outcome === 'degraded')
  const newest = evidence.findLast(({ outcome }) => outcome !== 'cancelled')
  const lastProven = proving ? { at: proving.times.declaredAt, kind: proving.kind, rtoSeconds: proving.measured.rtoSeconds } : null
  if (drills.length > 0 && !newest) return { lastProven, problems: ['it was never proven: drills are configured and none has run'] }
  const failed =
    newest?.outcome === 'failed'
      ? [`its last drill failed on ${newest.times.declaredAt.slice(0, 16)}Z: ${newest.deviations[0] ?? 'no reason is recorded'}`]
      : []
  return { lastProven, problems: [...failed, ...drills.flatMap((rule) => missedText(rule, evidence, now))] }
}

function missedText({ name, kind, every, zone }: DrillRule, evidence: readonly Evidence[], now: Date): readonly string[] {
  const last = evidence.findLast((one) => one.kind === kind)
  if (!last) return [`drill ${name} (${kind}) has never run`]
  const missed = missedRuns(parseSchedule(every), zone, new Date(last.times.declaredAt), now)
  return missed ? [`drill ${name} (${kind}) was due since ${missed.since.toISOString().slice(0, 16)}Z and did not run`] : []
}
