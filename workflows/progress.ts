/**
 * How far a run is, where people look: search attributes for lists, the memo for when no
 * worker is up, and current details for the Temporal UI's page of the run.
 */
import { defineSearchAttributeKey } from '@temporalio/common'
import { setCurrentDetails, upsertMemo, upsertSearchAttributes } from '@temporalio/workflow'
import type { ProbeRecord } from '../domain/probes.ts'
import { searchAttributeTypes } from '../domain/search-attributes.ts'

const keys = {
  system: defineSearchAttributeKey('MusterSystem', searchAttributeTypes.MusterSystem),
  procedure: defineSearchAttributeKey('MusterProcedure', searchAttributeTypes.MusterProcedure),
  phase: defineSearchAttributeKey('MusterPhase', searchAttributeTypes.MusterPhase),
  outcome: defineSearchAttributeKey('MusterOutcome', searchAttributeTypes.MusterOutcome),
}

export type Outcome = 'succeeded' | 'degraded' | 'failed' | 'rolled-back' | 'cancelled' | 'refused'

/** What an answer to the plan must be, for whoever gives it. */
export interface PlanAsked {
  readonly accept: 'claimed' | 'signed'
  readonly count: number
  readonly expiresAt: string
}

export interface ProgressBoard {
  phase(name: string): void
  /** Lines shown above the phases: the plan in short. */
  note(lines: readonly string[]): void
  outcome(outcome: Outcome): void
  /** What vantage points see, where `status` finds it without a worker. */
  probed(seen: Pick<ProbeRecord, 'at' | 'verdict' | 'sightings' | 'since' | 'standing' | 'preparedAt'>): void
  /** What waits for approval, where clients find it without a worker. */
  plan(hash: string, asked: PlanAsked): void
  /** Who has approved so far, where more than one has to. */
  approvedBy(people: readonly string[]): void
  /** Where the evidence of the run is, or why there is none. */
  evidence(kept: { readonly key: string } | { readonly problem: string }): void
  readonly current: string
}

/** @param system null for a run that concerns none */
export function createProgressBoard(procedure: string, system: string | null): ProgressBoard {
  const phases: string[] = []
  let notes: readonly string[] = []
  const show = () => {
    const done = phases.map((phase, index) => (index === phases.length - 1 ? `- **${phase}**` : `- ${phase} ✓`))
    setCurrentDetails([system === null ? `**${procedure}**` : `**${procedure}** · ${system}`, '', ...notes, '', ...done].join('\n'))
  }
  return {
    get current() {
      return phases.at(-1) ?? 'starting'
    },
    phase(name) {
      if (phases.at(-1) === name) return
      phases.push(name)
      upsertSearchAttributes([
        ...(system === null ? [] : [{ key: keys.system, value: system }]),
        { key: keys.procedure, value: procedure },
        { key: keys.phase, value: name },
      ])
      upsertMemo({ phase: name })
      show()
    },
    note(lines) {
      notes = lines
      show()
    },
    plan(hash, asked) {
      upsertMemo({ plan: hash, planAsked: { ...asked } })
    },
    approvedBy(people) {
      upsertMemo({ approvedBy: [...people] })
    },
    evidence(kept) {
      upsertMemo({ evidence: { ...kept } })
    },
    probed({ at, verdict, sightings, since, standing, preparedAt }) {
      upsertMemo({ probed: { at, verdict, sightings: sightings.map((one) => ({ ...one })), since, standing, preparedAt } })
    },
    outcome(outcome) {
      upsertSearchAttributes([{ key: keys.outcome, value: outcome }])
      upsertMemo({ outcome })
    },
  }
}
