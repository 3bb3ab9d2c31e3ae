/** Seconds that work took, and what it gave. */
export async function timed<T>(work: () => Promise<T>): Promise<{ readonly seconds: number; readonly value: T }> {
  const startedMs = performance.now()
  const value = await work()
  return { seconds: (performance.now() - startedMs) / 1000, value }
}
