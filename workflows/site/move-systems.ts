/**
 * The failovers of the systems of a lost site, beside each other. All begin at once, so that all plans can be approved at
 * once; each asks for a place before it works, and gives it back while it only waits for a person. What becomes of one
 * changes nothing for the others.
 */
import { CancellationScope, type ChildWorkflowHandle, condition, ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow'
import type { SiteScope } from '../../activities/site/scope-site.ts'
import type { SystemToMove } from '../../domain/site-failover.ts'
import { nextTurns, type TurnState } from '../../domain/turns.ts'
import { failover } from '../failover.ts'
import { isFailure } from '../failure-of.ts'
import { type FailoverSiteInput, targetId, TurnInput } from '../messages.ts'
import type { MoveResult } from '../move/run-move.ts'
import { stopSignal } from '../move/stop.ts'
import { goOnSignal, patienceSeconds, turnSignal } from '../move/turn.ts'
import { handleSignal } from '../procedure.ts'
import { movedOf, notMoved } from './moved.ts'
import { moveInput } from './plan.ts'
import { cutFor, type SystemMoved } from './result.ts'

/** One system while its failover runs. */
interface Row {
  readonly toMove: SystemToMove
  state: TurnState
  /** Of its newest message. */
  number: number
  handle: ChildWorkflowHandle<typeof failover> | null
  moved: SystemMoved | null
}

export interface MovingSystem {
  readonly toMove: SystemToMove
  readonly state: TurnState
  readonly moved: SystemMoved | null
}

/**
 * Ends when all have ended. When the run is cancelled, those before their point of no return roll back; the others go on.
 * @param show called whenever something has changed
 */
export async function moveSystems(
  input: FailoverSiteInput,
  scope: SiteScope,
  declaredAt: string,
  show: (systems: readonly MovingSystem[]) => void,
): Promise<readonly SystemMoved[]> {
  const rows: Row[] = scope.systems.map((toMove) => ({ toMove, state: 'planning', number: 0, handle: null, moved: null }))
  const stops: { reason: string | null } = { reason: null }
  const giveTurns = () => {
    // Who has not been seen to begin cannot be told.
    const turns = rows.map(({ toMove, state, handle }) => ({ ...toMove, state: handle ? state : state === 'ended' ? state : ('planning' as const) }))
    const next = nextTurns(turns, scope.perHost)
    for (const row of rows.filter(({ toMove }) => next.includes(toMove.system))) {
      row.state = 'works'
      goOn(row)
    }
    show(rows)
  }
  handleSignal(turnSignal, { schema: TurnInput }, ({ system, number, wants }) => {
    const row = rows.find(({ toMove }) => toMove.system === system)
    if (!row || row.state === 'ended' || number < row.number) return
    // Asked once more while the answer was under way.
    if (number === row.number && row.state === 'works') return goOn(row)
    row.number = number
    row.state = wants === 'place' ? 'waits' : wants === 'nothing' ? 'rests' : 'works'
    giveTurns()
  })
  CancellationScope.current().cancelRequested.catch(() => {
    stops.reason = `the failover of site ${input.site} was cancelled`
    for (const row of rows) stop(row, stops.reason)
  })
  show(rows)
  return CancellationScope.nonCancellable(() => {
    const isPlanned = ({ state, number }: Row) => number > 0 || state === 'ended'
    // What hangs while it is planned must not keep places from those behind it.
    void condition(() => rows.every(isPlanned), `${patienceSeconds(scope.limits)}s`).then((planned) => {
      if (planned) return
      for (const row of rows) if (!isPlanned(row)) row.state = 'rests'
      giveTurns()
    })
    return Promise.all(
      rows.map(async (row) => {
        const moved = await moveOne(input, scope, { row, declaredAt, begun: () => (stops.reason === null ? giveTurns() : stop(row, stops.reason)) })
        row.moved = moved
        row.state = 'ended'
        giveTurns()
        return moved
      }),
    )
  })
}

async function moveOne(
  input: FailoverSiteInput,
  scope: SiteScope,
  { row, declaredAt, begun }: { readonly row: Row; readonly declaredAt: string; readonly begun: () => void },
): Promise<SystemMoved> {
  const { system, to } = row.toMove
  const about = { toMove: row.toMove, from: input.site, workflowId: targetId(system) }
  try {
    row.handle = await startChild(failover, {
      workflowId: targetId(system),
      args: [{ ...moveInput(input, scope, system), inTurn: true }],
      memo: { site: to },
      // A run that somebody terminates takes none of them along: they go on by themselves.
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `failover · ${system}, as part of ${workflowInfo().workflowId}`,
    })
    begun()
    const result = (await row.handle.result()) as MoveResult
    return movedOf({ ...about, runId: row.handle.firstExecutionRunId, declaredAt }, result)
  } catch (error) {
    if (!isFailure(error)) throw error
    const moved = notMoved({ ...about, runId: row.handle?.firstExecutionRunId ?? null }, error)
    const cut = cutFor(scope.systems.length)
    return { ...moved, problem: moved.problem && { ...moved.problem, message: cut(moved.problem.message) } }
  }
}

function goOn({ handle, number }: Row): void {
  send(() => handle?.signal(goOnSignal, { number }))
}

function stop({ handle, state }: Row, reason: string): void {
  if (state !== 'ended') send(() => handle?.signal(stopSignal, { reason }))
}

/** One that has ended meanwhile needs no message. */
function send(signal: () => Promise<void> | undefined): void {
  CancellationScope.nonCancellable(async () => signal()).catch((error: unknown) => {
    if (!isFailure(error)) throw error
  })
}
