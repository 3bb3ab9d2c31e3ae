/** How old the oldest commit is that a store does not have, from looks at the server's position. */
import type { Lsn } from '../domain/wal.ts'

interface Look {
  readonly atMs: number
  readonly lsn: Lsn
}

const mostLooks = 4096

export class LagTracker {
  #looks: Look[] = []

  get currentLsn(): Lsn | null {
    return this.#looks.at(-1)?.lsn ?? null
  }

  /** The server stood at `lsn` at that time. */
  look(lsn: Lsn, atMs: number): void {
    const last = this.#looks.at(-1)
    const before = this.#looks.at(-2)
    // Of an idle stretch only both ends are of use.
    if (last !== undefined && before !== undefined && last.lsn === lsn && before.lsn === lsn) this.#looks.pop()
    this.#looks.push({ atMs, lsn })
    if (this.#looks.length > mostLooks) this.#looks = this.#looks.filter((_, index) => index % 2 === 0 || index > mostLooks - 64)
  }

  /** A new incarnation counts anew. */
  forget(): void {
    this.#looks = []
  }

  /**
   * Upper bound: what a store misses was written after the last look at which it missed nothing.
   * Null before the first look.
   */
  lagSeconds(shippedLsn: Lsn, nowMs: number): number | null {
    const last = this.#looks.at(-1)
    if (last === undefined) return null
    if (last.lsn <= shippedLsn) return 0
    let since = this.#looks[0]?.atMs ?? nowMs
    for (let at = this.#looks.length - 1; at >= 0; at -= 1) {
      const look = this.#looks[at] as Look
      if (look.lsn <= shippedLsn) {
        since = look.atMs
        break
      }
    }
    return Math.max(0, (nowMs - since) / 1000)
  }
}
