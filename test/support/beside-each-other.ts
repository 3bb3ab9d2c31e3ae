/** Tests that wait for a server more than they work run beside each other; each still has a line of its own. */

/**
 * Call it in a `describe`, after the hooks that the tests need. What it returns takes the place of `it`.
 * Each test has to have what it changes for itself alone.
 */
export function besideEachOther(atOnce = 4): (title: string, test: () => Promise<void>) => void {
  const tests: (() => Promise<void>)[] = []
  before(() => {
    const waiting = [...tests]
    const next = async (): Promise<void> => {
      for (let run = waiting.shift(); run; run = waiting.shift()) await run()
    }
    for (let lane = 0; lane < atOnce; lane++) void next()
  })
  return (title, test) => {
    let report: (failure: { readonly error: unknown } | null) => void = () => undefined
    const done = new Promise<{ readonly error: unknown } | null>((resolve) => {
      report = resolve
    })
    tests.push(async () => {
      try {
        await test()
        report(null)
      } catch (error) {
        report({ error })
      }
    })
    it(title, async () => {
      const failure = await done
      if (failure) throw failure.error
    })
  }
}
