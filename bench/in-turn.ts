/** Two ways to do the same work, one after the other, each beginning on a disk at rest. */
import { runTool } from '../adapters/process/run-tool.ts'

export interface Pair<B, M> {
  readonly bare: B
  readonly muster: M
}

/**
 * Who is first changes from round to round: what the first leaves in caches helps the second.
 * @param settle makes both begin alike; what the earlier work left to be written is flushed before it counts against the later
 */
export async function inTurn<B, M>(round: number, settle: () => Promise<unknown>, bare: () => Promise<B>, muster: () => Promise<M>): Promise<Pair<B, M>> {
  const settled = async <T>(work: () => Promise<T>): Promise<T> => {
    await settle()
    await runTool('sync', [])
    return work()
  }
  if (round % 2 === 1) {
    const first = await settled(bare)
    return { bare: first, muster: await settled(muster) }
  }
  const first = await settled(muster)
  return { muster: first, bare: await settled(bare) }
}
