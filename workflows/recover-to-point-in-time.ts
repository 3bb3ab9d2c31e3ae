/** Restores a system to a time, an LSN or a named point. Steps: restore/run-restore.ts. */
import type { RecoveryTarget } from '../domain/decision.ts'
import { toMicros } from '../domain/times.ts'
import { type RecoverToPointInTimeInput, recoverToPointInTimeMessage } from './messages.ts'
import { procedure } from './procedure.ts'
import { runRestore } from './restore/run-restore.ts'

export const recoverToPointInTime = procedure('recoverToPointInTime', recoverToPointInTimeMessage, (input) =>
  runRestore('recoverToPointInTime', input, { target: targetOf(input), incarnation: input.incarnation ?? null, back: null }),
)

function targetOf({ to }: RecoverToPointInTimeInput): RecoveryTarget {
  if ('time' in to) return { kind: 'time', time: toMicros(to.time) }
  return 'lsn' in to ? { kind: 'lsn', lsn: to.lsn.toUpperCase() } : { kind: 'name', name: to.name }
}
