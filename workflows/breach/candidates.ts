/** Choosing the recovery point: candidates are restored in quarantine, newest first, until one shows nothing of whoever was there. */
import { executeChild, ParentClosePolicy, workflowInfo } from '@temporalio/workflow'
import type { Candidate } from '../../domain/breach.ts'
import { urgentOnHost } from '../activity-options.ts'
import { drill } from '../drill.ts'
import { failureOf, isFailure } from '../failure-of.ts'
import type { DrillResult } from '../messages.ts'
import { fail } from '../procedure.ts'
import { timed } from '../restore/context.ts'
import type { BreachContext } from './context.ts'

/** @throws ApplicationFailure CheckFailed where none holds; what tells nothing about the data, such as a store that is out */
export async function chooseCandidate(context: BreachContext): Promise<Candidate & { readonly time: string }> {
  const { plan, input } = context
  const [host] = plan.scope.hosts as readonly [string]
  const { configHash, since } = plan.decision
  return timed(context, 'choose a recovery point', async () => {
    const candidates = await urgentOnHost(host, 'control', plan.scope.limits).chooseCandidates.executeWithOptions(
      { summary: `recovery points of ${input.system} before ${since}` },
      [{ system: input.system, configHash, since }],
    )
    let compared = false
    for (const candidate of candidates) {
      context.board.phase(candidate.time === null ? 'look at the newest moment' : `try ${candidate.time}`)
      const verdict = await tryOne(context, candidate, host)
      context.checks.push({ name: nameOf(candidate), value: null, ok: verdict.holds, detail: verdict.detail })
      if (candidate.time === null) compared = verdict.holds
      else if (verdict.holds) {
        await tellDifference(context, candidate, host, compared)
        return { ...candidate, time: candidate.time }
      }
    }
    const tried = candidates.flatMap(({ time }) => time ?? [])
    throw fail('CheckFailed', `none of ${tried.length} recovery points from ${tried.at(-1)} to ${tried[0]} holds; each verdict is in the evidence`)
  })
}

interface Verdict {
  readonly holds: boolean
  readonly detail: string
}

/** Each by a drill of its own: with its evidence, in quarantine, cleaned up whatever happens. */
async function tryOne(context: BreachContext, candidate: Candidate, host: string): Promise<Verdict> {
  const { input, plan, run, site } = context
  const { name, time } = candidate
  try {
    const result = (await executeChild(drill, {
      workflowId: `drill/${input.system}/${name}-${workflowInfo().runId}`,
      args: [
        {
          system: input.system,
          ...(time === null ? { kind: 'restore' } : { kind: 'pitr', to: { time } }),
          host,
          examine: { breach: run, name, scan: time !== null },
          configHash: plan.decision.configHash,
          requestedBy: run.slice(0, 128),
        },
      ],
      parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
      memo: { site },
      staticSummary: `${time ?? 'the newest moment'}: a candidate of the ${context.title}`,
    })) as DrillResult
    const { checks } = result.evidence
    return { holds: true, detail: checks.map((one) => `${one.name}: ${one.detail}`).join('; ') || 'it comes up; no check and no scanner is configured' }
  } catch (error) {
    if (!isFailure(error)) throw error
    const { type, message } = failureOf(error)
    // Of the newest moment only the difference is wanted: it may well be damaged.
    if (type === 'Cancelled' || (time !== null && !saysSomething.includes(type))) throw error
    return { holds: false, detail: message }
  }
}

/**
 * What a candidate itself may be to blame for; anything else, such as a store that is out, says nothing about it. Whoever could
 * write into the stores has perhaps changed or removed what belongs to it.
 */
const saysSomething: readonly string[] = [
  'CheckFailed',
  'RecoveryTargetUnreachable',
  'PageChecksum',
  'RestoreFailed',
  'BackupNotFound',
  'ChecksumMismatch',
  'HostileArchive',
  'KeyNotTrusted',
  'ManifestInvalid',
  'ObjectMissing',
  'SignatureInvalid',
  'WalGap',
]

function nameOf({ time, why }: Candidate): string {
  return time === null ? why : `${time} (${why})`
}

async function tellDifference(context: BreachContext, { name }: Candidate, host: string, compared: boolean): Promise<void> {
  if (!compared) {
    context.review.push('the newest moment could not be restored, so nothing is known of what was changed since')
    return
  }
  const { different, lines } = await urgentOnHost(host, 'control', context.plan.scope.limits).compareCandidates.executeWithOptions(
    { summary: 'what was changed since' },
    [{ system: context.input.system, breach: context.run, before: name, after: 'newest' }],
  )
  context.review.push(
    `since the recovery point ${different} of its roles, functions, keys and programs were added, changed or removed; they do not come back:`,
    ...lines,
  )
}
