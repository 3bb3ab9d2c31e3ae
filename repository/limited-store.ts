/** A store that is not waited for longer than so long, answer by answer: a chain of a thousand records may take its time, one answer may not. */
import type { Store } from '../adapters/store/store.ts'
import { within } from './within.ts'

export type SmallObjectStore = Pick<Store, 'name' | 'list' | 'readBytes' | 'putBytes'>

/**
 * The small objects of a store. What was asked goes on by itself: a write that was given up may still arrive.
 * Every call throws MusterError Timeout after so many seconds, else what the store throws.
 */
export function limitedStore(store: SmallObjectStore, secondsEach: number): SmallObjectStore {
  const what = `store "${store.name}"`
  return {
    name: store.name,
    readBytes: (key, maxBytes) => within(secondsEach, () => store.readBytes(key, maxBytes), what),
    putBytes: (key, bytes) => within(secondsEach, () => store.putBytes(key, bytes), what),
    async *list(prefix) {
      const listing = store.list(prefix)[Symbol.asyncIterator]()
      for (;;) {
        const { done, value } = await within(secondsEach, () => listing.next(), what)
        if (done) return
        yield value
      }
    },
  }
}
