/** What the plan of a move has besides that of a restore, in a few lines. */
import type { RestorePlan } from '../../activities/host/restore/types.ts'
import { describeRecordSet, describeValues } from '../../domain/dns.ts'

export function moveLines({ decision: { move } }: RestorePlan, warnings: readonly string[]): readonly string[] {
  if (!move) return []
  return [
    `from ${move.from} to ${move.to}; the old side is fenced by ${move.fence.join(', else by ')}`,
    ...(move.acceptLoss ? ['ACCEPTED by who asked: more may be lost than maxLoss or the objective allows'] : []),
    ...move.dns.map(({ expected, wanted }) => `DNS: ${describeRecordSet(expected)} becomes ${describeValues(wanted.values)}`),
    ...warnings.map((warning) => `warning: ${warning}`),
  ]
}
