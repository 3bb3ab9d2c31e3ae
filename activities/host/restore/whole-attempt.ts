import type { BytesInTime } from '../../../domain/evidence.ts'
import type { Work } from '../../boundary.ts'

/** What a step moved in which time. A later attempt finds the work half done, a standby most of it: they measure nothing. */
export function wholeAttempt(
  work: Pick<Work, 'attempt'>,
  { decision }: { readonly decision: { readonly standby?: unknown } },
  startedAt: number,
  bytes: number,
): BytesInTime | null {
  return work.attempt > 1 || decision.standby !== undefined ? null : { bytes, seconds: (Date.now() - startedAt) / 1000 }
}
