/** Takes a run off the list of those that a person has to look at. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import type { Config } from '../domain/config.ts'
import { approvedProcedures, type Evidence } from '../domain/evidence.ts'
import { MusterError } from '../domain/failures.ts'
import type { DocumentCache } from '../repository/document-cache.ts'
import { viewEvidence } from '../repository/evidence-view.ts'

export interface ReviewDeps {
  readonly config: Config
  readonly verifier: Verifier
  readonly store: (name: string) => Promise<Store>
  readonly cache: DocumentCache
  /** Who reviews: a claim, as who asks is. */
  readonly by: string
  readonly record: (system: string, review: { readonly workflowId: string; readonly run: string; readonly note: string }) => Promise<void>
}

/** @throws MusterError UnknownName (no such run is due), ApprovalRejected (who broke the glass reviews themselves) */
export async function reviewRun(
  deps: ReviewDeps,
  run: string,
  note: string,
): Promise<{ readonly system: string; readonly workflowId: string; readonly run: string }> {
  const { config } = deps
  const due: Evidence[] = []
  for (const system of Object.keys(config.systems)) {
    const view = { ...deps, stores: Object.keys(config.stores), timeoutSeconds: 20 }
    const { evidence } = await viewEvidence(view, system, approvedProcedures)
    due.push(...evidence.filter(({ reviewDue }) => Boolean(reviewDue)))
  }
  const found = due.filter((one) => one.run.runId === run || (run.length >= 8 && one.run.runId.startsWith(run)))
  const [one] = found
  if (!one || found.length > 1) {
    const known = due.map((each) => each.run.runId).join(', ') || 'none'
    throw new MusterError('UnknownName', `${one ? 'more than one run' : 'no run'} "${run}" is due for review; there are: ${known}`, {
      hint: 'run: muster status',
    })
  }
  if (one.approvals.some(({ person, breakGlass }) => breakGlass && person === deps.by)) {
    throw new MusterError('ApprovalRejected', `${deps.by} broke the glass: somebody else has to look at it`, {
      hint: 'ask another person; MUSTER_USER names who reviews',
    })
  }
  const { workflowId, runId } = one.run
  await deps.record(one.system, { workflowId, run: runId, note })
  return { system: one.system, workflowId, run: runId }
}
