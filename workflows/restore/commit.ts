/** Ends a restore: what was replaced is recorded as the safety set; nothing is deleted. */
import type { SwappedIn } from '../../activities/host/restore/types.ts'
import { urgentOnHost } from '../activity-options.ts'
import { databases, type RestoreContext, stepOf, trees } from './context.ts'
import { forward } from './open.ts'

export async function commitRestore(context: RestoreContext, swapped: readonly SwappedIn[]): Promise<void> {
  const { decision, limits } = context.plan
  const [first] = decision.components
  if (!first) return
  for (const one of decision.components) {
    const step = {
      ...stepOf(context, one),
      safety: swapped.flatMap(({ safety }) => safety).filter(({ path }) => pathsOf(context, one.component).includes(path)),
      keepSeconds: context.plan.keepSafetySetsSeconds,
    }
    await forward(context, `keep the safety set of ${one.component}`, () =>
      urgentOnHost(one.host, 'control', limits).keepSafetySet.executeWithOptions({ summary: `keep the safety set of ${one.component}` }, [step]),
    )
  }
}

function pathsOf(context: RestoreContext, component: string): readonly string[] {
  const database = databases(context).find((one) => one.component === component)
  if (database) return [database.directory, ...database.tablespaces.map(({ path }) => path)]
  return (
    trees(context)
      .find((one) => one.component === component)
      ?.members.map(({ path }) => path) ?? []
  )
}

/** A restore elsewhere: the promoted copy stays in its directory; started on loopback where a port was given. */
export async function placeElsewhere(context: RestoreContext): Promise<void> {
  for (const decision of context.plan.decision.components) {
    await urgentOnHost(decision.host, 'control', context.plan.limits).placeElsewhere.executeWithOptions({ summary: `place ${decision.component}` }, [
      stepOf(context, decision),
    ])
  }
}
