/** Reads at once; a store far away answers slowly, not seldom. */
const lanes = 12

/** Works on all, a few at a time. @throws what the first that fails throws */
export async function inLanes<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async () => {
    while (next < items.length) await work(items[next++] as T)
  }
  await Promise.all(Array.from({ length: Math.min(lanes, items.length) }, lane))
}
