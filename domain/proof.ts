/** Whether a system was rehearsed as its configuration asks, and what the last rehearsal proved. */
import { covers, drillCommand, type Rehearsed, standsFor } from './drill-rules.ts'
import type { Evidence } from './evidence.ts'
import { missedRuns } from './schedule-due.ts'
import { parseSchedule } from './schedule-spec.ts'

export interface Proof {
  /** The newest drill that brought the whole system back; null when none ever did. */
  readonly lastProven: { readonly at: string; readonly kind: Evidence['kind']; readonly rtoSeconds: number | null } | null
  readonly problems: readonly ProofProblem[]
}

export interface ProofProblem {
  /** What is wrong, for a person. */
  readonly text: string
  /** What to type next. */
  readonly next: string
}

/** @param all newest last */
export function judgeProof(all: readonly Evidence[], rehearsed: Rehearsed, now: Date): Proof {
  // A drill that was cancelled says nothing.
  const evidence = all.filter(({ procedure, outcome }) => procedure === 'drill' && outcome !== 'cancelled')
  const { system, components, rules } = rehearsed
  const proving = evidence.findLast((one) => isProving(one) && covers(one, components))
  const lastProven = proving ? { at: proving.times.declaredAt, kind: proving.kind, rtoSeconds: proving.measured.rtoSeconds } : null
  if (rules.length > 0 && evidence.length === 0) {
    return { lastProven, problems: [{ text: 'it was never proven: drills are configured and none has run', next: `muster drill ${system}` }] }
  }
  const ofRules = rules.flatMap((rule) => judgeRule(rule, evidence, components, now).map((text) => ({ text, next: drillCommand(system, rule) })))
  return { lastProven, problems: [...besideRules(evidence, rehearsed).map((text) => ({ text, next: `muster drill ${system}` })), ...ofRules] }
}

function isProving({ outcome }: Evidence): boolean {
  return outcome === 'succeeded' || outcome === 'degraded'
}

/** A failure stands until this drill succeeds: another one proves something else. */
function judgeRule(rule: Rehearsed['rules'][number], evidence: readonly Evidence[], components: readonly string[], now: Date): readonly string[] {
  const { name, kind, every, zone, on } = rule
  const last = evidence.findLast((one) => standsFor(rule, one, components))
  const called = `drill ${name} (${kind}${on === null ? '' : ` on ${on}`})`
  if (!last) return [`${called} has never run`]
  const missed = missedRuns(parseSchedule(every), zone, new Date(last.times.declaredAt), now)
  return [
    ...(isProving(last) ? [] : [failedText(called, last)]),
    ...(missed ? [`${called} was due since ${missed.since.toISOString().slice(0, 16)}Z and did not run`] : []),
  ]
}

/** One that no rule asks for, such as one that was typed: it stands until any drill brings back what it was of. */
function besideRules(evidence: readonly Evidence[], { components, rules }: Rehearsed): readonly string[] {
  const last = evidence.findLast((one) => !isProving(one) && !rules.some((rule) => standsFor(rule, one, components)))
  if (!last) return []
  const own = last.recovered.length > 0 ? last.recovered.map(({ component }) => component) : (last.asked?.components ?? components)
  const later = evidence.slice(evidence.indexOf(last) + 1)
  return later.some((one) => isProving(one) && covers(one, own)) ? [] : [failedText('its last drill beside those that are configured', last)]
}

function failedText(called: string, { times, deviations }: Evidence): string {
  return `${called} failed on ${times.declaredAt.slice(0, 16)}Z: ${deviations[0] ?? 'no reason is recorded'}`
}
