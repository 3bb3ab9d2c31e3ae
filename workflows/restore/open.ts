/**
 * Opens the system to users: the point of no return. From here the run never rolls back by
 * itself; what fails pauses for a person.
 */
import { isCancellation, sleep } from '@temporalio/workflow'
import { urgentOnHost } from '../activity-options.ts'
import { failureOf } from '../failure-of.ts'
import { askCorrection } from './ask-correction.ts'
import { databases, type RestoreContext, refuseCancelled, stepOf, timed } from './context.ts'

export async function openToUsers(context: RestoreContext): Promise<void> {
  const { decision, limits } = context.plan
  const where = { system: context.input.system, configHash: decision.configHash }
  refuseCancelled(context)
  context.saga.seal()
  await timed(context, 'open', async () => {
    for (const one of databases(context)) {
      await forward(context, `open ${one.component}`, () =>
        urgentOnHost(one.host, 'control', limits).openDatabase.executeWithOptions({ summary: `open ${one.component}` }, [stepOf(context, one)]),
      )
    }
    for (const service of [...decision.services].reverse().filter(({ state }) => state !== 'stopped')) {
      await forward(context, `start ${service.name}`, () =>
        urgentOnHost(service.host, 'control', limits).startService.executeWithOptions({ summary: `start ${service.name}` }, [
          { ...where, service: service.name },
        ]),
      )
    }
  })
}

/** Health must be good, and stay good for as long as the config asks. */
export async function proveHealthy(context: RestoreContext): Promise<void> {
  const { decision, limits } = context.plan
  await timed(context, 'health', async () => {
    for (const service of decision.services.filter(({ state }) => state !== 'stopped')) {
      await forward(context, `health of ${service.name}`, () =>
        urgentOnHost(service.host, 'control', limits).awaitHealthy.executeWithOptions({ summary: `health of ${service.name}` }, [
          { system: context.input.system, configHash: decision.configHash, service: service.name, withinSeconds: context.plan.healthSeconds, forSeconds: 0 },
        ]),
      )
    }
    if (context.plan.commitAfterSeconds > 0) {
      await sleep(context.plan.commitAfterSeconds * 1000, { summary: 'health must stay good before the run commits' })
      for (const service of decision.services.filter(({ state }) => state !== 'stopped')) {
        await forward(context, `health of ${service.name}`, () =>
          urgentOnHost(service.host, 'control', limits).awaitHealthy.executeWithOptions({ summary: `health of ${service.name} again` }, [
            { system: context.input.system, configHash: decision.configHash, service: service.name, withinSeconds: context.plan.healthSeconds, forSeconds: 0 },
          ]),
        )
      }
    }
  })
}

/** Past the point of no return a failure waits for a person and is tried again, as often as it takes. */
export async function forward<T>(context: RestoreContext, what: string, step: () => Promise<T>): Promise<T> {
  const at = context.board.current
  for (;;) {
    try {
      return await step()
    } catch (error) {
      if (isCancellation(error)) throw error
      const problem = failureOf(error)
      context.board.phase(`paused: ${what}`)
      const back =
        context.plan.decision.mode === 'in-place'
          ? `; to go back to it, when the run has ended: muster restore ${context.input.system} --back ${context.run}`
          : ''
      await askCorrection(context, {
        subject: `${context.title} is paused at: ${what}`,
        problem: `${what}: ${problem.message}`,
        body: `${problem.message}\nThe old data is kept${back}.`,
        allowed: ['retry'],
      })
      context.board.phase(at)
    }
  }
}
