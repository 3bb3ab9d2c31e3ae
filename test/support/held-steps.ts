/** Scripted steps that stay under way for as long as a test looks, in place of a while that a busy machine may sleep through. */
import type { ActivityName, Answer, OutputOf } from './scripted-activities.ts'

interface Held {
  /** Put before the answer of a step. */
  before<N extends ActivityName>(then: Answer<N>): Answer<N>
}

/** Steps that answer when the test lets them. */
export function createGate(): Held & { open(): void } {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return {
    open: () => open(),
    before:
      <N extends ActivityName>(then: Answer<N>): Answer<N> =>
      async (input, attempt): Promise<OutputOf<N>> => {
        await opened
        return await then(input, attempt)
      },
  }
}

/** Steps that answer when so many of them are under way at the same time: one after the other they never do. */
export function createMeeting(of: number): Held {
  const gate = createGate()
  let here = 0
  return {
    before: (then) => (input, attempt) => {
      if (attempt === 1) here += 1
      if (here >= of) gate.open()
      return gate.before(then)(input, attempt)
    },
  }
}
