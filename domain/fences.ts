/** What readers make of fences: WAL that a life shipped after it was fenced does not exist for them. */
import type { ControlState } from './control-state.ts'
import { parseLsn } from './wal.ts'
import type { WalRange } from './wal-shipments.ts'

/**
 * Shipments of a life that count. One that reaches beyond the end that was seen when the life was fenced was sent later, by
 * a server that did not know: all of it is left out, since what it holds up to there is in earlier ones too.
 */
export function withinFence<S extends WalRange>(
  { fences }: Pick<ControlState, 'fences'>,
  component: string,
  incarnation: string,
  shipments: readonly S[],
): readonly S[] {
  const lives = fences.flatMap((fence) => fence.lives).filter((life) => life.component === component && life.incarnation === incarnation)
  if (lives.length === 0) return shipments
  const untilLsn = lives.map((life) => parseLsn(life.untilLsn)).reduce((a, b) => (b < a ? b : a))
  return shipments.filter((one) => one.kind === 'history' || one.endLsn <= untilLsn)
}
