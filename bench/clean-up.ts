/** What benches started outlives nobody: each thing is undone when its bench ends, or when a person interrupts it. */

const open: { readonly undo: () => Promise<void> }[] = []

/** @returns undoes it now; a second call does nothing */
export function untilDone(undo: () => Promise<void>): () => Promise<void> {
  const one = { undo }
  open.push(one)
  return async () => {
    const at = open.indexOf(one)
    if (at < 0) return
    open.splice(at, 1)
    await undo()
  }
}

/** The newest first; one that fails does not keep the others. @returns what failed */
export async function cleanUp(): Promise<readonly unknown[]> {
  const failures: unknown[] = []
  for (let one = open.pop(); one; one = open.pop()) await one.undo().catch((error: unknown) => failures.push(error))
  return failures
}
