/**
 * The last step of a procedure: its evidence, signed, into every store that answers. It is kept where a cancellation
 * cannot reach it, and that it could not be kept changes nothing but what people are told.
 */
import { CancellationScope } from '@temporalio/workflow'
import type { KeptDecision } from '../domain/decision-section.ts'
import type { RunEvidence } from '../domain/evidence.ts'
import type { FailureType } from '../domain/failures.ts'
import type { TimeLimits } from '../domain/time-limits.ts'
import { onSite } from './activity-options.ts'
import { failureOf, isFailure, type PlainFailure } from './failure-of.ts'
import { createNotices } from './notices.ts'
import type { ProgressBoard } from './progress.ts'

/** Where the signed record is; null where no store took it. */
export type KeptEvidence = { readonly key: string; readonly sha256: string; readonly stores: readonly string[] } | null

export interface EvidenceAbout {
  readonly site: string
  readonly limits: TimeLimits
  readonly board: ProgressBoard
  /** What people call it: `backup of shop`. */
  readonly title: string
}

/** Runs that were refused before they began leave no evidence: nothing is known of what they were to concern. */
const neverBegan: ReadonlySet<FailureType> = new Set(['InvalidInput', 'UnknownName', 'ConfigInvalid'])

export function leavesEvidence(problem: PlainFailure): boolean {
  return !neverBegan.has(problem.type)
}

/** @param decision the one whose hash is the evidence's plan; null where there was none */
export async function keepEvidence(about: EvidenceAbout, evidence: RunEvidence, decision: KeptDecision | null = null): Promise<KeptEvidence> {
  return CancellationScope.nonCancellable(async () => {
    const written = await write(about, evidence, decision)
    about.board.evidence(written.kept ? { key: written.kept.key } : { problem: written.problem })
    if (written.kept === null) await alarm(about, evidence, written.problem)
    return written.kept
  })
}

async function write(
  { site, limits }: EvidenceAbout,
  evidence: RunEvidence,
  decision: KeptDecision | null,
): Promise<{ readonly kept: KeptEvidence; readonly problem: string }> {
  const { system } = evidence
  try {
    const { key, sha256, stores, failed } = await onSite(site, 'control', limits).writeEvidence.executeWithOptions(
      { summary: `keep the evidence of ${system}` },
      [{ system, configHash: evidence.configHash || null, evidence, ...(decision && { decision }) }],
    )
    if (stores.length > 0) return { kept: { key, sha256, stores }, problem: '' }
    return { kept: null, problem: `no store took it: ${failed.map(({ store, problem }) => `${store}: ${problem}`).join('; ')}` }
  } catch (error) {
    if (!isFailure(error)) throw error
    return { kept: null, problem: failureOf(error).message }
  }
}

async function alarm({ site, limits, title }: EvidenceAbout, { configHash, system, procedure }: RunEvidence, problem: string): Promise<void> {
  const notices = createNotices(site, limits, { configHash: configHash || null, system, procedure })
  notices.send('alarm', 'critical', `no evidence of the ${title}`, `${problem}\nWhat the run did is only in its history.`)
  await notices.settled()
}

/** What is written into a record is read by people: long messages are cut, and so is a list without end. */
export function cutTexts(texts: readonly string[]): readonly string[] {
  const most = 50
  const shown = texts.slice(0, most).map((text) => (text.length > 1000 ? `${text.slice(0, 1000)}…` : text))
  return texts.length > most ? [...shown, `${texts.length - most} more are in the history`] : shown
}
