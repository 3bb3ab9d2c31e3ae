/**
 * The chain of control records of a system. Creating record n + 1 is the compare-and-set:
 * of two writers one gets `exists` and reads again.
 */
import type { Signer, Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { controlWriter, outranks } from '../domain/control-state.ts'
import { MusterError } from '../domain/failures.ts'
import { recordKey, recordPrefix } from '../domain/object-keys.ts'
import type { ControlBody, ControlRecord } from '../domain/repository-format.ts'
import { limitedStore, type SmallObjectStore } from './limited-store.ts'
import { documentLimitBytes, openDocument, signDocument } from './signed-document.ts'

const noPrevious = '0'.repeat(64)

export interface RecordChain {
  readonly records: readonly ControlRecord[]
  /** Hash of the newest record's text. */
  readonly head: string
  /** Stored bytes, for copying the chain to another store. */
  readonly documents: readonly Buffer[]
}

/** Reads and proves one store's chain. @throws MusterError ManifestInvalid when a link is missing */
export async function readChain(store: SmallObjectStore, system: string, verifier: Verifier): Promise<RecordChain> {
  const records: ControlRecord[] = []
  const documents: Buffer[] = []
  let head = noPrevious
  for await (const { key } of store.list(recordPrefix(system))) {
    const bytes = await store.readBytes(key, documentLimitBytes)
    const opened = openDocument<ControlRecord>(verifier, 'record', bytes, `${store.name}:${key}`)
    const expected = recordKey(system, records.length + 1)
    if (key !== expected || opened.value.previous !== head || opened.value.system !== system) {
      throw new MusterError('ManifestInvalid', `the chain of control records is broken: ${key} does not follow record ${records.length} [${store.name}]`)
    }
    const { name } = opened.signer
    if (opened.value.by === controlWriter && name !== null && name !== controlWriter) {
      throw new MusterError(
        'SignatureInvalid',
        `control record ${key} says that the control key wrote it, and the key of ${name} has signed it [${store.name}]`,
      )
    }
    head = opened.textSha256
    // Who signed it, whatever it says of that.
    records.push(name === null ? opened.value : { ...opened.value, by: name })
    documents.push(bytes)
  }
  return { records, head, documents }
}

export interface ControlRecordsDeps {
  /** In the order of the configuration; those that do not answer are left out of a write and caught up later. */
  readonly stores: readonly Store[]
  readonly verifier: Verifier
  /** Longest wait for one answer of one store; 30 s where it is not said. */
  readonly secondsEach?: number
}

/**
 * The chain that counts: of the site that took over last, then the longest, and of equals the one of the store that stands first.
 * Stores are read beside each other. Those that do not answer are skipped; when none answers the last error is thrown.
 */
export async function readRecords(deps: ControlRecordsDeps, system: string): Promise<RecordChain> {
  const { best } = await readAll(deps, system)
  return best
}

interface StoredChain {
  readonly store: SmallObjectStore
  readonly chain: RecordChain
}

/** One store that hangs must not hold up what the others know. */
const answerSeconds = 30

async function readAll(deps: ControlRecordsDeps, system: string) {
  let best: RecordChain | null = null
  let lastError: unknown = new MusterError('Unreachable', `no store of system "${system}" is configured on this host`)
  const chains: StoredChain[] = []
  const limited = deps.stores.map((store) => limitedStore(store, deps.secondsEach ?? answerSeconds))
  const reading = limited.map((store) => readChain(store, system, deps.verifier))
  // One that fails while another is waited for is looked at in its turn.
  await Promise.allSettled(reading)
  for (const [index, store] of limited.entries()) {
    try {
      const chain = (await reading[index]) as RecordChain
      chains.push({ store, chain })
      if (!best || outranks(chain.records, best.records)) best = chain
    } catch (error) {
      if (error instanceof MusterError && (error.type === 'SignatureInvalid' || error.type === 'ManifestInvalid')) throw error
      lastError = error
    }
  }
  if (!best) throw lastError
  return { best, chains }
}

/**
 * Appends what `decide` makes of the newest state, or nothing when it returns null.
 * Idempotent when `decide` is: it sees the chain again after each lost race.
 * @throws MusterError RecordConflict after ten lost races; Unreachable when no store answers
 */
export async function appendRecord(
  deps: ControlRecordsDeps & { readonly signer: Signer; readonly organisation: string; readonly by: string; readonly now: () => Date },
  system: string,
  decide: (records: readonly ControlRecord[]) => ControlBody | null,
): Promise<readonly ControlRecord[]> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const { best, chains } = await readAll(deps, system)
    const body = decide(best.records)
    if (!body) {
      await catchUp(chains, best, system)
      return best.records
    }
    const record: ControlRecord = {
      format: 'muster-record-1',
      organisation: deps.organisation,
      system,
      sequence: best.records.length + 1,
      previous: best.head,
      at: deps.now().toISOString(),
      by: deps.by,
      body,
    }
    const bytes = signDocument(deps.signer, 'record', record)
    await catchUp(chains, best, system)
    const [first, ...others] = chains.filter(({ chain }) => leadsTo(chain, best))
    if (!first) continue
    if ((await first.store.putBytes(recordKey(system, record.sequence), bytes)) === 'exists') continue
    for (const { store } of others) await putQuietly(store, recordKey(system, record.sequence), bytes)
    return [...best.records, record]
  }
  throw new MusterError('RecordConflict', `ten other writers were faster at the control records of system "${system}"`)
}

/** Gives stores that were out the records they lack; a store that fails again stays behind until the next write. */
async function catchUp(chains: readonly StoredChain[], best: RecordChain, system: string): Promise<void> {
  for (const { store, chain } of chains.filter((one) => leadsTo(one.chain, best))) {
    for (let n = chain.records.length; n < best.documents.length; n++) {
      if (!(await putQuietly(store, recordKey(system, n + 1), best.documents[n] as Buffer))) break
    }
  }
}

/**
 * Whether a chain is the beginning of another. Stores that were out in turn may have grown apart: what is written behind
 * another record than it names would break the chain there for good. doctor names such a store.
 */
function leadsTo({ documents }: RecordChain, best: RecordChain): boolean {
  const last = documents.at(-1)
  return last === undefined || (best.documents[documents.length - 1]?.equals(last) ?? false)
}

async function putQuietly(store: SmallObjectStore, key: string, bytes: Buffer): Promise<boolean> {
  try {
    await store.putBytes(key, bytes)
    return true
  } catch {
    return false
  }
}
