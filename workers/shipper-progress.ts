/** How far was received, and since when. */
import type { Lsn } from '../domain/wal.ts'

export class ReceivedProgress {
  #lsn: Lsn = 0n
  #atMs = Date.now()

  get lsn(): Lsn {
    return this.#lsn
  }

  /** When it last changed. */
  get atMs(): number {
    return this.#atMs
  }

  note(lsn: Lsn): void {
    if (lsn === this.#lsn) return
    this.#lsn = lsn
    this.#atMs = Date.now()
  }
}
