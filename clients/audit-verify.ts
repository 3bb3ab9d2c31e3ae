/** Proves everything that is audited, in every store: records, evidence with its sheets, histories and replay kits. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import type { AuditedRun, AuditHead, AuditRecord } from '../domain/audit.ts'
import { type AuditProblem, type AuditProblemKind, judgeChains, type SeenChain, type SeenRecord, type Witness } from '../domain/audit-judgement.ts'
import type { Evidence } from '../domain/evidence.ts'
import { MusterError } from '../domain/failures.ts'
import { evidencesPrefix, parseEvidenceKey } from '../domain/object-keys.ts'
import { auditNumbers, readAudit } from '../repository/audit-chain.ts'
import { sheetKey } from '../repository/evidence.ts'
import { readDecision } from '../repository/decisions.ts'
import { readGzipObject } from '../repository/gzip-object.ts'
import { readKit, readKitFiles } from '../repository/replay-kits.ts'
import { documentLimitBytes, openDocument, sha256Hex } from '../repository/signed-document.ts'
import { inLanes } from './in-lanes.ts'
import { notToBeBelieved } from '../repository/store-view.ts'

export interface AuditVerifyDeps {
  readonly stores: readonly string[]
  readonly store: (name: string) => Promise<Store>
  readonly verifier: Verifier
  /** Whether the chain of a site belongs into a store. */
  readonly expected: (store: string, site: string) => boolean
  /** Records that somebody outside of the stores names. */
  readonly witnesses: readonly Witness[]
  readonly now: () => Date
  readonly onProgress: (text: string) => void
}

export interface AuditFindings {
  readonly sites: readonly SiteFindings[]
  readonly stores: readonly StoreFindings[]
  readonly problems: readonly AuditProblem[]
}

export interface SiteFindings {
  readonly head: AuditHead
  readonly at: string
  readonly runs: number
  readonly routine: number
}

export interface StoreFindings {
  readonly store: string
  /** Documents and objects that were read and are what was signed. */
  readonly proven: number
}

/** Evidence that is not named by a record yet, so long after its run has ended, is not expected any more. */
const unnamedSeconds = 3 * 3600

interface SeenStore {
  readonly name: string
  readonly chains: readonly SeenChain[]
  readonly records: readonly { readonly record: AuditRecord; readonly sha256: string }[]
  readonly evidence: ReadonlyMap<string, Evidence>
  readonly proven: number
}

/** Never throws for what a store says or has: that is what it finds. */
export async function verifyAudit(deps: AuditVerifyDeps): Promise<AuditFindings> {
  const problems: AuditProblem[] = []
  const seen: SeenStore[] = []
  for (const name of deps.stores) {
    try {
      seen.push(await lookAt(deps, await deps.store(name), problems))
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      problems.push({ kind: 'unanswered', store: name, what: `it could not be read to its end, so nothing is said of it: ${error.message}` })
    }
  }
  const witnesses = [...deps.witnesses, ...seen.flatMap(witnessesIn)]
  problems.push(...judgeChains([...seen.flatMap(({ chains }) => chains), ...removedChains(deps, seen)], witnesses), ...unnamed(deps, seen))
  return { sites: sitesOf(seen), stores: seen.map(({ name, proven }) => ({ store: name, proven })), problems }
}

async function lookAt(deps: AuditVerifyDeps, store: Store, problems: AuditProblem[]): Promise<SeenStore> {
  const { verifier, onProgress } = deps
  let proven = 0
  const prove = proofsIn(store.name, problems, () => proven++)
  const chains: SeenChain[] = []
  const records: { record: AuditRecord; sha256: string }[] = []
  for (const [site, numbers] of await auditNumbers(store)) {
    const found: SeenRecord[] = []
    await inLanes(numbers, async (sequence) => {
      const { record, sha256, problem } = await readAudit(store, verifier, site, sequence)
      found.push({ sequence, sha256, previous: record?.previous ?? null, problem })
      if (record) records.push({ record, sha256 })
      if (record) proven++
      onProgress(`${store.name}: ${found.length} of ${numbers.length} records of site ${site}`)
    })
    chains.push({ store: store.name, site, records: found.sort((a, b) => a.sequence - b.sequence) })
  }
  const evidence = new Map<string, Evidence>()
  const openEvidence = async (key: string): Promise<string> => {
    const { value, textSha256 } = openDocument<Evidence>(verifier, 'evidence', await store.readBytes(key, documentLimitBytes), key)
    evidence.set(key, value)
    return textSha256
  }
  const runs = records.flatMap(({ record }) => record.runs)
  let done = 0
  await inLanes(runs, async (run) => {
    await proveRun(store, run, prove, openEvidence)
    if (run.evidence) await proveDecision(store, run.evidence.key, evidence.get(run.evidence.key), prove)
    done++
    onProgress(`${store.name}: ${done} of ${runs.length} runs`)
  })
  const codes = new Set(runs.flatMap(({ kit }) => kit ?? []))
  for (const code of codes) await prove(`replay kit ${code.slice(0, 12)}`, async () => readKitFiles(store, await readKit(store, verifier, code)))
  const named = new Set(runs.flatMap((run) => run.evidence?.key ?? []))
  const others: string[] = []
  for await (const { key } of store.list(evidencesPrefix)) if (parseEvidenceKey(key) && !named.has(key)) others.push(key)
  await inLanes(others, async (key) => {
    await prove(key, () => openEvidence(key))
    await proveDecision(store, key, evidence.get(key), prove)
  })
  return { name: store.name, chains, records, evidence, proven }
}

/** A store that has nothing of a chain that belongs there and another store has. */
function removedChains({ expected }: AuditVerifyDeps, seen: readonly SeenStore[]): readonly SeenChain[] {
  const sites = [...new Set(seen.flatMap(({ chains }) => chains.map(({ site }) => site)))]
  return seen.flatMap(({ name, chains }) =>
    sites.filter((site) => expected(name, site) && !chains.some((chain) => chain.site === site)).map((site): SeenChain => ({ store: name, site, records: [] })),
  )
}

type Prove = (what: string, look: () => Promise<unknown>, namedBy?: string) => Promise<void>

/** Notes what is missing and what is not what was signed; trouble with the store itself is thrown. */
function proofsIn(store: string, problems: AuditProblem[], isProven: () => void): Prove {
  return async (what, look, namedBy = 'an audit record') => {
    try {
      await look()
      isProven()
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      const kind: AuditProblemKind | null =
        error.type === 'ObjectMissing' ? 'missing' : notToBeBelieved.has(error.type) || error.type === 'ChecksumMismatch' ? 'edited' : null
      if (kind === null) throw error
      problems.push({
        kind,
        store,
        what: kind === 'missing' ? `${what} is missing: ${namedBy} names it` : `${what} is not what was signed: ${error.message}`,
      })
    }
  }
}

async function proveRun(store: Store, run: AuditedRun, prove: Prove, openEvidence: (key: string) => Promise<string>): Promise<void> {
  const { evidence, history } = run
  if (history) await prove(history.key, () => readGzipObject(store, history))
  if (!evidence) return
  const { key, sha256, sheetSha256 } = evidence
  await prove(key, async () => {
    if ((await openEvidence(key)) !== sha256) throw new MusterError('ChecksumMismatch', 'it is another record than the one that was archived')
  })
  if (sheetSha256 === null) return
  await prove(sheetKey(key), async () => {
    if (sha256Hex(await store.readBytes(sheetKey(key), documentLimitBytes)) !== sheetSha256) throw new MusterError('ChecksumMismatch', 'it was changed')
  })
}

/** @param evidence undefined where it could not be believed; older evidence names no decision */
async function proveDecision(store: Store, key: string, evidence: Evidence | undefined, prove: Prove): Promise<void> {
  const { decision, plan } = evidence ?? {}
  if (decision) await prove(decision.key, () => readDecision(store, decision.key, plan ?? ''), key)
}

/** Whoever in a store names a record: evidence, and the chains of other sites. */
function witnessesIn({ name, evidence, records }: SeenStore): readonly Witness[] {
  return [
    ...[...evidence].flatMap(([key, { auditHead }]) => (auditHead ? [{ who: `${key} in ${name}`, head: auditHead }] : [])),
    ...records.flatMap(({ record }) => record.heads.map((head) => ({ who: `record ${record.sequence} of site ${record.site} in ${name}`, head }))),
  ]
}

/** Evidence that no record of any store names, though its run ended long ago: added from outside, or never archived. */
function unnamed(deps: AuditVerifyDeps, seen: readonly SeenStore[]): readonly AuditProblem[] {
  const named = new Set(seen.flatMap(({ records }) => records.flatMap(({ record }) => record.runs.flatMap((run) => run.evidence?.key ?? []))))
  const before = deps.now().getTime() - unnamedSeconds * 1000
  return seen.flatMap(({ name, evidence }) =>
    [...evidence].flatMap(([key, { times, auditHead }]): AuditProblem[] => {
      // Records of before there was an archive say nothing of it.
      if (named.has(key) || auditHead === undefined || Date.parse(times.endedAt) > before) return []
      return [{ kind: 'unnamed', store: name, what: `${key} is named by no audit record: the archive does not run, or records are gone` }]
    }),
  )
}

function sitesOf(seen: readonly SeenStore[]): readonly SiteFindings[] {
  const all = new Map<string, { readonly record: AuditRecord; readonly sha256: string }>()
  for (const { records } of seen) for (const one of records) all.set(`${one.record.site} ${one.record.sequence}`, one)
  const sites = [...new Set([...all.values()].map(({ record }) => record.site))].sort()
  return sites.map((site) => {
    const mine = [...all.values()].filter(({ record }) => record.site === site).sort((a, b) => a.record.sequence - b.record.sequence)
    const newest = mine.at(-1) as (typeof mine)[number]
    return {
      head: { site, sequence: newest.record.sequence, sha256: newest.sha256 },
      at: newest.record.at,
      runs: mine.reduce((sum, { record }) => sum + record.runs.length, 0),
      routine: mine.reduce((sum, { record }) => sum + record.routine.reduce((some, { runs }) => some + runs, 0), 0),
    }
  })
}
