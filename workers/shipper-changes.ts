/** Whoever waits for something to change in a lane or the receiver is told at once. */
export class Changes {
  readonly #waiting = new Set<() => void>()

  announce(): void {
    for (const listener of this.#waiting) listener()
  }

  /** Resolves at the next change, or after a while. */
  next(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        this.#waiting.delete(done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      this.#waiting.add(done)
    })
  }
}
