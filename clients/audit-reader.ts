/** Reads what is archived, from whichever store has it whole. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import type { AuditedRun, AuditHead, AuditRecord, KitFile, ReplayKit } from '../domain/audit.ts'
import { MusterError } from '../domain/failures.ts'
import { auditNumbers, readAudit } from '../repository/audit-chain.ts'
import { readGzipObject } from '../repository/gzip-object.ts'
import { readKit, readKitFiles } from '../repository/replay-kits.ts'
import { within } from '../repository/within.ts'

export interface AuditReaderDeps {
  readonly stores: readonly string[]
  readonly store: (name: string) => Promise<Store>
  readonly verifier: Verifier
  readonly timeoutSeconds: number
}

/** Histories are objects of their own; what is read whole here is smaller. */
const mostBytes = 64 * 1024 * 1024

/** A run with the record that names it. */
export interface FoundRun extends AuditedRun {
  readonly record: Pick<AuditRecord, 'site' | 'sequence' | 'at'>
}

export interface ReadRecord {
  readonly record: AuditRecord
  readonly sha256: string
  /** As it lies in the store. */
  readonly bytes: Buffer
}

export interface AuditReader {
  /** Newest record of each site; with the longest chain of those stores that answer. */
  readonly heads: readonly AuditHead[]
  readonly problems: readonly string[]
  /** Records of all sites, newest first. */
  records(): AsyncIterable<ReadRecord>
  /** An object as it lies in a store. @throws MusterError ObjectMissing, … */
  raw(key: string): Promise<Buffer>
  /** @throws MusterError ObjectMissing, ChecksumMismatch, … naming each store */
  history(run: AuditedRun): Promise<Buffer>
  /** @throws MusterError ObjectMissing, SignatureInvalid, … naming each store */
  kit(code: string): Promise<{ readonly kit: ReplayKit; readonly files: ReadonlyMap<KitFile['name'], Buffer> }>
}

/** @throws MusterError Unreachable when no store answers */
export async function openAuditReader(deps: AuditReaderDeps): Promise<AuditReader> {
  const problems: string[] = []
  const stores: { readonly store: Store; readonly numbers: ReadonlyMap<string, readonly number[]> }[] = []
  for (const name of deps.stores) {
    try {
      stores.push(
        await within(
          deps.timeoutSeconds,
          async () => {
            const store = await deps.store(name)
            return { store, numbers: await auditNumbers(store) }
          },
          `store "${name}"`,
        ),
      )
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      problems.push(`${name}: ${error.message}`)
    }
  }
  if (stores.length === 0) throw new MusterError('Unreachable', `no store answers: ${problems.join('; ')}`)
  const sites = [...new Set(stores.flatMap(({ numbers }) => [...numbers.keys()]))].sort()
  const newestOf = (site: string) => Math.max(...stores.map(({ numbers }) => numbers.get(site)?.at(-1) ?? 0))
  const read = async (site: string, sequence: number): Promise<ReadRecord | null> => {
    for (const { store, numbers } of stores) {
      if (!numbers.get(site)?.includes(sequence)) continue
      const { record, sha256, bytes, problem } = await readAudit(store, deps.verifier, site, sequence)
      if (record) return { record, sha256, bytes }
      problems.push(problem ?? '')
    }
    problems.push(`no store has a valid record ${sequence} of site ${site}`)
    return null
  }
  const fromAny = async <T>(what: string, look: (store: Store) => Promise<T>): Promise<T> => {
    const said: MusterError[] = []
    for (const { store } of stores) {
      try {
        return await look(store)
      } catch (error) {
        if (!(error instanceof MusterError)) throw error
        said.push(error)
      }
    }
    throw new MusterError(said[0]?.type ?? 'ObjectMissing', `no store has ${what}: ${said.map(({ message }) => message).join('; ')}`)
  }
  const heads: AuditHead[] = []
  for (const site of sites) {
    const newest = await read(site, newestOf(site))
    if (newest) heads.push({ site, sequence: newest.record.sequence, sha256: newest.sha256 })
  }
  return {
    heads,
    problems,
    async *records() {
      const next = new Map(sites.map((site) => [site, newestOf(site)]))
      const waiting = new Map<string, ReadRecord>()
      for (;;) {
        for (const [site, sequence] of next) {
          if (waiting.has(site) || sequence < 1) continue
          next.set(site, sequence - 1)
          const found = await read(site, sequence)
          if (found) waiting.set(site, found)
        }
        const newest = [...waiting.values()].sort((a, b) => (a.record.at < b.record.at ? 1 : -1))[0]
        if (newest) {
          waiting.delete(newest.record.site)
          yield newest
        } else if ([...next.values()].every((sequence) => sequence < 1)) return
      }
    },
    raw: (key) => fromAny(key, (store) => store.readBytes(key, mostBytes)),
    async history(run) {
      const { history } = run
      if (!history) throw new MusterError('ObjectMissing', `the history of ${run.workflowId} (run ${run.runId}) was gone before it was archived`)
      return fromAny(`the history of ${run.workflowId} (run ${run.runId}) whole`, (store) => readGzipObject(store, history))
    },
    kit: (code) =>
      fromAny(`the replay kit of code ${code.slice(0, 12)} whole`, async (store) => {
        const kit = await readKit(store, deps.verifier, code)
        return { kit, files: await readKitFiles(store, kit) }
      }),
  }
}

/**
 * The run that a person names: by run id or its beginning (8 characters at least), or by workflow id, of which the
 * newest run is meant.
 * @throws MusterError UnknownName
 */
export async function findRun(reader: AuditReader, name: string): Promise<FoundRun> {
  for await (const { record } of reader.records()) {
    const runs = [...record.runs].sort((a, b) => (a.closedAt < b.closedAt ? 1 : -1))
    const found = runs.find(({ workflowId, runId }) => workflowId === name || runId === name || (name.length >= 8 && runId.startsWith(name)))
    if (found) return { ...found, record: { site: record.site, sequence: record.sequence, at: record.at } }
  }
  throw new MusterError('UnknownName', `no audit record names a run "${name}"`, {
    hint: 'muster audit list shows those that are archived; a run is within an hour after it has ended',
  })
}
