/**
 * Runs tasks side by side. The first failure cancels the others; it is thrown when all have ended,
 * so nothing of them is still at work when the caller goes on.
 */
export async function together<T extends readonly unknown[]>(
  signal: AbortSignal | undefined,
  tasks: { readonly [K in keyof T]: (signal: AbortSignal) => Promise<T[K]> },
): Promise<T> {
  const controller = new AbortController()
  const abort = (): void => controller.abort(signal?.reason)
  if (signal?.aborted) abort()
  signal?.addEventListener('abort', abort, { once: true })
  let first: { readonly error: unknown } | undefined
  try {
    const results = await Promise.all(
      tasks.map(async (task) => {
        try {
          return await task(controller.signal)
        } catch (error) {
          first ??= { error }
          controller.abort(error)
          return undefined
        }
      }),
    )
    if (first) throw first.error
    return results as unknown as T
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

/** Hands the items of one source to `lanes` workers; the first failure ends all and is thrown. */
export async function inLanes<T>(
  signal: AbortSignal | undefined,
  lanes: number,
  items: AsyncIterable<T>,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.asyncIterator]()
  let turn: Promise<unknown> = Promise.resolve()
  const next = (): Promise<IteratorResult<T>> => {
    const result = turn.then(() => iterator.next())
    turn = result.catch(() => {})
    return result
  }
  const lane = async (own: AbortSignal): Promise<void> => {
    for (let item = await next(); !item.done; item = await next()) {
      if (own.aborted) return
      await work(item.value, own)
    }
  }
  try {
    await together(
      signal,
      Array.from({ length: lanes }, () => lane),
    )
  } finally {
    await iterator.return?.()
  }
}
