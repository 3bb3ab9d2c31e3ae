/** A command of the owner's that has a time limit of its own: it may be silent for as long as that. */
import type { Work } from './boundary.ts'

const tellEverySeconds = 30

/** Keeps the watchdog for work without progress from ending what its own limit ends. */
export async function withinItsTime<T>(work: Pick<Work, 'progress'>, phase: string, run: () => Promise<T>): Promise<T> {
  const tell = () => work.progress({ phase, doneBytes: 0, totalBytes: null })
  tell()
  const telling = setInterval(tell, tellEverySeconds * 1000)
  try {
    return await run()
  } finally {
    clearInterval(telling)
  }
}
