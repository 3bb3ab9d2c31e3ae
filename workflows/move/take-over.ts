/** Ends the old lives and makes the other site the active one, in the repository. */
import type { Held } from '../../activities/host/restore/types.ts'
import type { FenceProof } from '../../domain/move.ts'
import { undoOnHost, urgentOnHost } from '../activity-options.ts'
import { databases, timed } from '../restore/context.ts'
import { type MoveContext, moveOf } from './context.ts'

/** @param held how far each database was replayed before the tail; what the tail added is known from the tail itself */
export async function takeOver(context: MoveContext, proof: FenceProof, held: ReadonlyMap<string, Held>): Promise<void> {
  const { limits, decision } = context.plan
  const { from, to } = moveOf(context)
  const [host] = context.scope.hosts as readonly [string]
  const step = { system: context.input.system, configHash: decision.configHash, run: context.run, from, to }
  const lives = Object.fromEntries(databases(context).map(({ component, incarnation }) => [component, incarnation]))
  const replayed = databases(context).map(({ component, incarnation }) => ({
    component,
    incarnation,
    // Of an earlier moment the tail is stored, and not replayed.
    replayedLsn: (decision.target.kind === 'latest' ? context.tails.get(component)?.untilLsn : null) ?? held.get(component)?.replayedLsn ?? '0/0',
  }))
  await timed(context, 'take over', async () => {
    context.saga.before(`give ${context.input.system} back to site ${from}`, () =>
      undoOnHost(host, limits).giveBack.executeWithOptions({ summary: `give ${context.input.system} back to site ${from}` }, [{ ...step, lives }]),
    )
    await urgentOnHost(host, 'control', limits).takeOver.executeWithOptions({ summary: `site ${to} takes ${context.input.system} over` }, [
      { ...step, proof, replayed },
    ])
  })
}
