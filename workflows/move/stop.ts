/** Ends a failover that is part of the failover of a site, when that is cancelled: only where it can still be taken back. */
import { CancellationScope, defineSignal, isCancellation } from '@temporalio/workflow'
import { StopInput, signalNames } from '../messages.ts'
import { fail, handleSignal } from '../procedure.ts'

export const stopSignal = defineSignal<[StopInput]>(signalNames.stop)

/**
 * A cancellation would also reach a run that is just opening the system, and leave it half open. Whether it is past its point
 * of no return only the run itself knows at the moment it is told.
 * @throws ApplicationFailure Cancelled with the reason, once everything is undone
 */
export async function unlessStopped<T>(isSealed: () => boolean, work: () => Promise<T>): Promise<T> {
  const scope = new CancellationScope()
  let stopped: string | null = null
  handleSignal(stopSignal, { schema: StopInput }, ({ reason }) => {
    if (isSealed()) return
    stopped = reason
    scope.cancel()
  })
  try {
    return await scope.run(work)
  } catch (error) {
    if (stopped === null || !isCancellation(error)) throw error
    throw fail('Cancelled', stopped, undefined, 'cancelled')
  }
}
