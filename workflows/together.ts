/** Steps beside each other, none of which outlives the others unseen. */
import { CancellationScope } from '@temporalio/workflow'

/**
 * Runs tasks beside each other. The first that fails cancels the others; whatever happens, this ends only when all
 * have ended, so that nothing that follows (an undo, the end of the run) meets one that still works.
 *
 * @throws what the first that failed threw
 */
export async function together<T>(tasks: readonly (() => Promise<T>)[]): Promise<T[]> {
  const scope = new CancellationScope()
  return scope.run(async () => {
    const failures: unknown[] = []
    const ended = await Promise.allSettled(
      tasks.map(async (task) => {
        try {
          return await task()
        } catch (error) {
          failures.push(error)
          scope.cancel()
          throw error
        }
      }),
    )
    if (failures.length > 0) throw failures[0]
    return ended.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  })
}
