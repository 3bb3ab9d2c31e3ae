/** Stops what users are served by, proves it stopped, and saves the tail of WAL before anything is given up. */
import { undoOnHost, urgentOnHost } from '../activity-options.ts'
import { databases, type RestoreContext, stepOf, timed } from './context.ts'

/** Services in reverse order, then databases. What was stopped before stays stopped when this is undone. */
export async function stopEverything(context: RestoreContext): Promise<void> {
  const { limits, decision } = context.plan
  const where = { system: context.input.system, configHash: decision.configHash }
  await timed(context, 'stop', async () => {
    for (const service of decision.services) {
      const urgent = urgentOnHost(service.host, 'control', limits)
      if (service.state === 'running') {
        context.saga.before(`start ${service.name} again`, () =>
          undoOnHost(service.host, limits).startService.executeWithOptions({ summary: `start ${service.name} again` }, [{ ...where, service: service.name }]),
        )
      }
      await urgent.stopService.executeWithOptions({ summary: `stop ${service.name}` }, [{ ...where, service: service.name }])
    }
    for (const one of databases(context)) {
      const urgent = urgentOnHost(one.host, 'control', limits)
      const step = stepOf(context, one)
      context.saga.before(`start the old ${one.component} again`, () =>
        undoOnHost(one.host, limits).startOldDatabase.executeWithOptions({ summary: `start the old ${one.component} again` }, [step]),
      )
      await urgent.stopDatabase.executeWithOptions({ summary: `stop ${one.component}` }, [step])
    }
  })
}

export async function saveTails(context: RestoreContext): Promise<void> {
  await timed(context, 'save the tail', async () => {
    for (const decision of databases(context)) {
      context.tails.set(
        decision.component,
        await urgentOnHost(decision.host, 'transfer', context.plan.limits).saveTail.executeWithOptions({ summary: `save the tail of ${decision.component}` }, [
          stepOf(context, decision),
        ]),
      )
    }
  })
}
