/** Puts the restored copies in place, keeps what was there, and protects the new incarnations while nobody is let in. */
import { uuid4 } from '@temporalio/workflow'
import type { FoundByOthers, Promoted, SwappedIn } from '../../activities/host/restore/types.ts'
import type { PostgresqlDecision } from '../../domain/decision.ts'
import { undoOnHost, urgentOnHost } from '../activity-options.ts'
import { failureOf } from '../failure-of.ts'
import { fail } from '../procedure.ts'
import { askCorrection } from './ask-correction.ts'
import { databases, type RestoreContext, stepOf, timed, trees } from './context.ts'

export async function swapIn(context: RestoreContext): Promise<readonly SwappedIn[]> {
  const { limits } = context.plan
  const swapped: SwappedIn[] = []
  await timed(context, 'swap', async () => {
    for (const decision of trees(context)) {
      await urgentOnHost(decision.host, 'transfer', limits).keepNewerFiles.executeWithOptions({ summary: `keep newer files of ${decision.component}` }, [
        stepOf(context, decision),
      ])
      if (decision.rules) {
        const applied = await urgentOnHost(decision.host, 'transfer', limits).applyTreeRules.executeWithOptions(
          { summary: `apply the rules of ${decision.component}` },
          [stepOf(context, context.restoredTrees.get(decision.component) ?? decision)],
        )
        context.ruled.set(decision.component, applied)
      }
      await urgentOnHost(decision.host, 'transfer', limits).runAfter.executeWithOptions({ summary: `set up ${decision.component}` }, [
        stepOf(context, context.restoredTrees.get(decision.component) ?? decision),
      ])
    }
    for (const decision of context.plan.decision.components) {
      const urgent = urgentOnHost(decision.host, 'control', limits)
      const step = stepOf(context, decision)
      context.saga.before(`put the old ${decision.component} back`, async () => {
        const back = await undoOnHost(decision.host, limits).swapBack.executeWithOptions({ summary: `put the old ${decision.component} back` }, [step])
        tellFound(context, decision, back.found)
      })
      const one = await urgent.swapIn.executeWithOptions({ summary: `swap ${decision.component}` }, [step])
      tellFound(context, decision, one.found)
      swapped.push(one)
    }
  })
  return swapped
}

/** Somebody works at a path that is being restored: their work had to make room, and only they know what it is. */
function tellFound({ notices, title }: RestoreContext, { component, host }: { component: string; host: string }, found: readonly FoundByOthers[] = []): void {
  if (found.length === 0) return
  const lines = found.map(({ path, keptAt }) => `${path} → ${keptAt}`)
  const body = `${lines.join('\n')}\nIt was moved and not changed. Nobody removes it: look through it, and remove it yourself.`
  notices.send('alarm', 'warning', `${title}: on ${host} somebody made something in the place of ${component} meanwhile`, body)
}

/** The swapped-in servers, with private sockets only. */
export async function startClosed(context: RestoreContext): Promise<void> {
  const { limits } = context.plan
  await timed(context, 'start closed', async () => {
    for (const decision of databases(context)) {
      const urgent = urgentOnHost(decision.host, 'control', limits)
      const step = stepOf(context, decision)
      context.saga.before(`stop the restored ${decision.component}`, () =>
        undoOnHost(decision.host, limits).stopClosed.executeWithOptions({ summary: `stop the restored ${decision.component}` }, [step]),
      )
      await urgent.startClosed.executeWithOptions({ summary: `start ${decision.component} closed` }, [step])
      const { checks } = await urgent.checkRestored.executeWithOptions({ summary: `check ${decision.component} in place` }, [{ ...step, where: 'closed' }])
      context.checks.push(...checks)
    }
  })
}

/**
 * A recovered database is a new incarnation; it is not opened before its first bytes are in the
 * required stores. Where they cannot be reached the run pauses for a person.
 */
export async function protectAgain(context: RestoreContext, promoted: ReadonlyMap<string, Promoted>): Promise<ReadonlyMap<string, string>> {
  const incarnations = new Map<string, string>()
  await timed(context, 'protect again', async () => {
    for (const decision of databases(context)) {
      const life = promoted.get(decision.component)
      if (!life) continue
      const incarnation = uuid4().replaceAll('-', '').slice(0, 12)
      // Users get their system back first, even while no store answers. Of a move the old life is given back with the site.
      if (context.plan.decision.mode !== 'move')
        context.saga.beforeAndUndoneLast(`protect the old ${decision.component} again`, () =>
          undoOnHost(decision.host, context.plan.limits).protectOld.executeWithOptions({ summary: `protect the old ${decision.component} again` }, [
            { ...stepOf(context, decision), stopped: context.tails.get(decision.component)?.stopped ?? null },
          ]),
        )
      await protectOne(context, decision, incarnation, life)
      incarnations.set(decision.component, incarnation)
    }
  })
  return incarnations
}

async function protectOne(context: RestoreContext, decision: PostgresqlDecision, incarnation: string, life: Promoted): Promise<void> {
  let openWith: readonly string[] = context.plan.decision.openWith
  let by = context.plan.decision.approvals.requester
  for (;;) {
    try {
      await urgentOnHost(decision.host, 'copy', context.plan.limits).protectAgain.executeWithOptions({ summary: `protect ${decision.component} again` }, [
        { ...stepOf(context, decision), incarnation, promoted: life, openWith, by },
      ])
      return
    } catch (error) {
      const problem = failureOf(error)
      if (problem.type !== 'NotProtected') throw error
      context.board.phase('not protected: waiting for a person')
      const answer = await askCorrection(context, {
        subject: `${context.input.system} is restored but not protected`,
        problem: problem.message,
        allowed: ['retry', 'openWith', 'giveUp'],
      })
      if (answer.action === 'giveUp') throw fail('NotProtected', `${answer.person} gave up: ${answer.reason}; ${problem.message}`)
      if (answer.action === 'openWith') {
        openWith = [...openWith, ...(answer.stores ?? [])]
        by = answer.person
      }
      context.board.phase('protect again')
    }
  }
}
