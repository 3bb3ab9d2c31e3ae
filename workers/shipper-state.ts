/** What the shipper remembers of an instance. All of it can be lost: the stores and the server say it again. */
import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { GapStatus } from '../adapters/component/postgresql/shipper-protocol.ts'
import type { ConnectionOverride } from '../adapters/component/postgresql/wal-source.ts'
import type { Incarnation } from '../domain/repository-format.ts'

export interface InstanceState {
  readonly format: 1
  readonly incarnation: Incarnation | null
  /** History file of the incarnation's timeline, as the server gave it. */
  readonly history: string | null
  readonly segmentSizeBytes: number | null
  /** Where the newest stretch without a gap begins. */
  readonly runStartLsn: string | null
  readonly requiredLsn: string | null
  readonly paused: { readonly reason: string; readonly at: string } | null
  readonly connection: ConnectionOverride | null
  /** Receiving was stopped because the disk was filling while the stores were out. */
  readonly protecting: { readonly afterLsn: string; readonly at: string } | null
  /** Gaps that are not recorded yet. */
  readonly pendingGaps: readonly GapStatus[]
  readonly lastGap: GapStatus | null
}

export const noState: InstanceState = {
  format: 1,
  incarnation: null,
  history: null,
  segmentSizeBytes: null,
  runStartLsn: null,
  requiredLsn: null,
  paused: null,
  connection: null,
  protecting: null,
  pendingGaps: [],
  lastGap: null,
}

/** The state of one instance, in memory and in its file. */
export class KeptState {
  readonly #path: string
  #state: InstanceState = noState
  #written: Promise<void> = Promise.resolve()

  constructor(path: string) {
    this.#path = path
  }

  get state(): InstanceState {
    return this.#state
  }

  /** From the file; an absent or unreadable one is no state. */
  async read(): Promise<void> {
    this.#state = await readState(this.#path)
  }

  /** Seen at once; persisted when it resolves. */
  async change(change: Partial<InstanceState>): Promise<void> {
    this.#state = { ...this.#state, ...change }
    // One after the other: a pause that is asked for may meet a look of the shipper's own.
    const written = this.#written.then(() => writeState(this.#path, this.#state))
    this.#written = written.catch(() => undefined)
    await written
  }
}

/** An absent or unreadable file is no state. */
export async function readState(path: string): Promise<InstanceState> {
  try {
    const value = JSON.parse(await readFile(path, 'utf8')) as InstanceState
    return value.format === 1 ? { ...noState, ...value } : noState
  } catch {
    return noState
  }
}

/** Whole or not at all, also when the power fails. */
export async function writeState(path: string, state: InstanceState): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const temporary = `${path}.tmp`
  const handle = await open(temporary, 'w', 0o600)
  try {
    await handle.writeFile(`${JSON.stringify(state)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, path)
}
