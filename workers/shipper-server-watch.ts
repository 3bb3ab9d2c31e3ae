/** What the server was last seen to say, and the commits it is given while it is idle. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { SourceObservation, WalSource } from '../adapters/component/postgresql/wal-source.ts'
import { MusterError } from '../domain/failures.ts'
import type { Incarnation } from '../domain/repository-format.ts'
import type { Lsn } from '../domain/wal.ts'
import { LagTracker } from './shipper-lag.ts'

const tickWaitMs = 2000

export interface ServerWatchHost {
  readonly openSource: () => Promise<WalSource>
  readonly incarnation: () => Incarnation | null
  readonly isReceiving: () => boolean
  readonly restartReceiver: () => Promise<void>
}

export class ServerWatch {
  readonly lag = new LagTracker()
  readonly #host: ServerWatchHost
  #wal: WalSource | null = null
  #observation: SourceObservation | null = null
  #problem: MusterError | null = null
  #tickedAt: { readonly nextTransaction: string; readonly lsn: Lsn } | null = null

  constructor(host: ServerWatchHost) {
    this.#host = host
  }

  /** Null until it was opened. */
  get wal(): WalSource | null {
    return this.#wal
  }

  /** Null where the last look failed. */
  get observation(): SourceObservation | null {
    return this.#observation
  }

  /** Why the last look failed. */
  get problem(): MusterError | null {
    return this.#problem
  }

  /** Idempotent. */
  async open(): Promise<WalSource> {
    this.#wal ??= await this.#host.openSource()
    return this.#wal
  }

  /** The server may be another one, elsewhere: it is opened and looked at anew. */
  leave(): void {
    this.#wal = null
    this.#observation = null
  }

  /** A new incarnation counts anew. */
  forget(): void {
    this.lag.forget()
    this.#tickedAt = null
  }

  /** Looks at the server; one that became another is received anew. Never rejects. */
  async observe(): Promise<void> {
    try {
      const seen = await (await this.open()).observe()
      this.#observation = seen
      this.#problem = null
      this.lag.look(seen.currentLsn, Date.now())
      const incarnation = this.#host.incarnation()
      if (incarnation === null || !this.#host.isReceiving()) return
      if (seen.systemIdentifier !== incarnation.systemIdentifier || seen.timelineId !== incarnation.timelineId) await this.#host.restartReceiver()
    } catch (error) {
      this.#observation = null
      this.#problem = error instanceof MusterError ? error : new MusterError('MusterBug', (error as Error).message, { cause: error })
    }
  }

  /** An idle database gets a commit, so that it can be recovered to now; a busy one has its own. */
  async tickIfQuiet(): Promise<void> {
    const seen = this.#observation
    if (seen === null || seen.inRecovery || !this.#host.isReceiving()) return
    if (this.#tickedAt !== null && this.#tickedAt.nextTransaction !== seen.nextTransaction) {
      this.#tickedAt = { nextTransaction: seen.nextTransaction, lsn: this.#tickedAt.lsn }
      return
    }
    await this.tick()
  }

  /** Commits something and waits a moment until it is received; null where nothing can be committed. */
  async tick(): Promise<Lsn | null> {
    const wal = await this.open()
    const lsn = await wal.tick()
    if (lsn === null) return null
    const deadlineMs = Date.now() + tickWaitMs
    let seen = await wal.observe()
    while (this.#host.isReceiving() && (seen.flushedLsn ?? 0n) < lsn && Date.now() < deadlineMs) {
      await sleep(30)
      seen = await wal.observe()
    }
    this.#observation = seen
    this.lag.look(seen.currentLsn, Date.now())
    this.#tickedAt = { nextTransaction: seen.nextTransaction, lsn }
    return lsn
  }
}
