/** Taking a system out of service where hosts are under suspicion, and keeping what they look like. Nothing of it is undone by a failure. */
import type { TimeLimits } from '../../domain/time-limits.ts'
import { onHost, onSite, promptOnHost } from '../activity-options.ts'
import { failureOf, isFailure } from '../failure-of.ts'
import { timed } from '../restore/context.ts'
import { stopSource } from '../move/source.ts'
import type { BreachContext } from './context.ts'

/**
 * Readers first: from here on nothing that the hosts sign counts. What cannot be isolated is told, and hinders nothing else.
 * Stores that are out hold up no isolation; but without the note nothing is chosen, since what the hosts sign would count.
 * @throws ApplicationFailure of the note, once everything is isolated
 */
export async function isolate(context: BreachContext): Promise<void> {
  const { plan, input, run, site } = context
  const { decision, scope } = plan
  const where = { system: input.system, configHash: decision.configHash, run }
  await timed(context, 'isolate', async () => {
    const note = (limits: TimeLimits) =>
      onSite(site, 'control', limits).noteSuspicion.executeWithOptions({ summary: `note the suspicion of ${decision.suspects.join(', ')}` }, [
        { ...where, since: decision.since, hosts: decision.suspects },
      ])
    const noted = await note({ ...scope.limits, controlSeconds: Math.min(scope.limits.controlSeconds, firstNoteSeconds) }).then(() => true, notCancelled)
    await Promise.all([
      ...decision.isolate.map((name) =>
        told(context, `isolate: ${name}`, async () => {
          const { proven } = await onSite(site, 'control', scope.limits).isolateHosts.executeWithOptions({ summary: `isolate: ${name}` }, [{ ...where, name }])
          context.review.push(
            proven ? `isolated by ${name}, and its proof holds` : `isolated by ${name}, without a proof: look whether the hosts can still be reached`,
          )
        }),
      ),
      told(context, 'stop what serves users', async () => {
        const { absent, problems } = await stopSource({
          ...context,
          scope,
          staysStopped: true,
          absent: [],
          plan: { limits: scope.limits, decision: { configHash: decision.configHash, target: { kind: 'latest' }, mode: 'move' } },
        })
        if (absent.length > 0) context.review.push(`no agent answered on ${absent.join(', ')}: nothing was stopped there`)
        for (const problem of problems) tellFailed(context, problem)
      }),
    ])
    if (!noted) await note(scope.limits)
  })
}

/** Whoever is there is not left on the network for longer than this because a store is out. */
const firstNoteSeconds = 60

function notCancelled(error: unknown): false {
  if (!isFailure(error) || failureOf(error).type === 'Cancelled') throw error
  return false
}

/** One after the other: the disks of a host are shared. */
export async function keepForensicCopies(context: BreachContext): Promise<void> {
  const { plan, input } = context
  await timed(context, 'forensic copy', async () => {
    for (const { component, host } of plan.decision.copied) {
      await told(context, `forensic copy of ${component} on ${host}`, () => copyOne(context, input.system, component, host))
    }
  })
}

async function copyOne(context: BreachContext, system: string, component: string, host: string): Promise<void> {
  const { limits } = context.plan.scope
  const { configHash } = context.plan.decision
  const about = `forensic copy of ${component}`
  const copy = await promptOnHost(host, 'transfer', limits).takeForensicCopy.executeWithOptions({ summary: about }, [{ system, component, configHash }])
  const taken: string[] = []
  for (const store of copy.stores) {
    await told(context, `${about} → ${store}`, async () => {
      const { manifestSha256 } = await promptOnHost(host, 'copy', limits).publishCopy.executeWithOptions({ summary: `${about} → ${store}` }, [
        { system, component: copy.as, backup: copy.backup, store, configHash },
      ])
      taken.push(store)
      context.copies.push({ component, backup: `${copy.as}/${copy.backup}`, store, manifestSha256, sizeBytes: copy.sizeBytes })
    })
  }
  // Kept on the host where no store took it.
  if (taken.length > 0)
    await onHost(host, 'control', limits).releaseStaging.executeWithOptions({ summary: `free the staging of the ${about}` }, [
      { system, component: copy.as, backup: copy.backup },
    ])
  for (const problem of copy.problems) context.review.push(`not kept of ${host}: ${problem}`)
}

/** What fails is an alarm and a line of the review, and the answer goes on: isolation comes before completeness. */
async function told(context: BreachContext, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!isFailure(error) || failureOf(error).type === 'Cancelled') throw error
    tellFailed(context, `${what}: ${failureOf(error).message}`)
  }
}

function tellFailed({ review, notices, title }: BreachContext, line: string): void {
  review.push(`failed: ${line}`)
  notices.send('alarm', 'critical', `${title}: a step failed`, `${line}\nDo it by hand.`)
}
