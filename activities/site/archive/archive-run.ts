/** One closed run: its history, its evidence and the kit that replays it, in each store that is written to. */
import type { ClosedRun, ReadHistory } from '../../../adapters/history/history.ts'
import type { Verifier } from '../../../adapters/crypto/crypto.ts'
import type { Store } from '../../../adapters/store/store.ts'
import type { AuditedRun } from '../../../domain/audit.ts'
import type { Evidence } from '../../../domain/evidence.ts'
import { MusterError } from '../../../domain/failures.ts'
import { evidenceKey, historyKey, installationChain, isName, kitKey } from '../../../domain/object-keys.ts'
import type { AuditWriter } from '../../../repository/audit-writer.ts'
import { sheetKey } from '../../../repository/evidence.ts'
import { gzipObject } from '../../../repository/gzip-object.ts'
import { copyKit, publishKit } from '../../../repository/replay-kits.ts'
import { documentLimitBytes, openDocument, sha256Hex } from '../../../repository/signed-document.ts'
import type { Agent } from '../../agent.ts'

export interface ArchiveParts {
  readonly agent: Agent
  readonly writer: AuditWriter
  readonly verifier: Verifier
  readonly directory: string
  readonly signal: AbortSignal
  /** What is missing, said once. */
  readonly note: (remark: string) => void
  /** Codes whose kit was looked after already. */
  readonly kits: Set<string>
}

/** So long evidence is waited for that only a store which is out may have. */
const waitForEvidenceSeconds = 20 * 3600

/**
 * @returns null where the run is left to a later pass: its evidence is in no store that answers
 * @throws MusterError TemporalUnreachable; what the last store that was written to says
 */
export async function archiveRun(parts: ArchiveParts, run: ClosedRun): Promise<AuditedRun | null> {
  const { workflowId, runId, type, status, startedAt, closedAt, said } = run
  // A name from Temporal is a claim, and becomes part of keys.
  const system = said.system !== null && isName(said.system) ? said.system : null
  // A run that concerns several systems says that it has left evidence; nothing is looked for where none does.
  const concerns = system ?? (said.evidence === 'kept' ? installationChain : null)
  const key = concerns === null ? null : evidenceKey(concerns, startedAt, type, runId)
  const evidence = key === null ? null : await keepFoundEvidence(parts, key, runId)
  if (said.evidence === 'kept' && evidence === null) {
    const isYoung = parts.agent.now().getTime() - Date.parse(closedAt) < waitForEvidenceSeconds * 1000
    if (isYoung && parts.writer.behind().length > 0) return null
    parts.note(`the evidence of ${workflowId} (run ${runId}) is in no store: ${key ?? 'its system has no name'}`)
  }
  const read = await readHistory(parts, run)
  const history = read === null ? null : await keepHistory(parts, run, system, read)
  const kit = read?.ran.code.at(-1) ?? null
  if (kit !== null && !parts.kits.has(kit)) await keepKit(parts, kit)
  const common = { workflowId, runId, procedure: type, system, startedAt, closedAt, status, outcome: said.outcome }
  return { ...common, evidence, history, kit, sdk: read?.ran.sdk ?? null }
}

/** Null, and noted, where Temporal does not have it any more or cannot give it. */
async function readHistory({ agent, note }: ArchiveParts, run: ClosedRun): Promise<ReadHistory | null> {
  try {
    return await agent.histories.read(run)
  } catch (error) {
    if (!(error instanceof MusterError) || error.type === 'TemporalUnreachable') throw error
    note(`there is no history of ${run.workflowId} (run ${run.runId}): ${error.message}`)
    return null
  }
}

async function keepHistory(
  { writer, directory, signal }: ArchiveParts,
  { closedAt, type, runId }: ClosedRun,
  system: string | null,
  { text, events }: ReadHistory,
): Promise<AuditedRun['history']> {
  const object = await gzipObject(directory, text, (sha256) => historyKey(system, closedAt, type, runId, sha256))
  try {
    const { key, sizeBytes, sha256 } = object.reference
    await writer.each(async (store) => {
      await store.putFile(key, { path: object.path, sizeBytes, sha256 }, { signal })
    })
    return { ...object.reference, events }
  } finally {
    await object.remove()
  }
}

interface FoundEvidence {
  readonly bytes: Buffer
  readonly sha256: string
  readonly sheet: Buffer | null
  /** Key and text of the decision that it names; the text null where no store has it. */
  readonly decision: { readonly key: string; readonly text: Buffer | null } | null
}

/** What one store has of it goes into those that lack it. */
async function keepFoundEvidence(parts: ArchiveParts, key: string, runId: string): Promise<AuditedRun['evidence']> {
  const found = await findEvidence(parts, key, runId)
  if (!found) return null
  await parts.writer.each(async (store) => {
    if (found.decision?.text) await store.putBytes(found.decision.key, found.decision.text)
    await store.putBytes(key, found.bytes)
    if (found.sheet) await store.putBytes(sheetKey(key), found.sheet)
  })
  return { key, sha256: found.sha256, sheetSha256: found.sheet ? sha256Hex(found.sheet) : null }
}

async function findEvidence({ writer, verifier, note }: ArchiveParts, key: string, runId: string): Promise<FoundEvidence | null> {
  let found: FoundEvidence | null = null
  for (const store of writer.stores()) {
    const bytes = await readIfThere(store, key)
    if (!bytes) continue
    try {
      const opened = openDocument<Evidence>(verifier, 'evidence', bytes, `${store.name}:${key}`)
      if (opened.value.run.runId !== runId) throw new MusterError('ManifestInvalid', `it is evidence of another run [${store.name}:${key}]`)
      if (found && found.sha256 !== opened.textSha256) note(`there are two records of one run, each signed: ${key} in "${store.name}" is another one`)
      found ??= {
        bytes,
        sha256: opened.textSha256,
        sheet: await readIfThere(store, sheetKey(key)),
        decision: await findDecision(writer.stores(), opened.value, note),
      }
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      note(`evidence that cannot be believed: ${error.message}`)
    }
  }
  return found
}

async function findDecision(stores: readonly Store[], { decision, plan }: Evidence, note: (text: string) => void): Promise<FoundEvidence['decision']> {
  if (!decision) return null
  const { key } = decision
  for (const store of stores) {
    const text = await readIfThere(store, key)
    if (text && sha256Hex(text) === plan) return { key, text }
  }
  note(`the decision that evidence names is in no store as it was: ${key}`)
  return { key, text: null }
}

async function readIfThere(store: Store, key: string): Promise<Buffer | null> {
  try {
    return await store.readBytes(key, documentLimitBytes)
  } catch (error) {
    if (!(error instanceof MusterError) || error.type !== 'ObjectMissing') throw error
    return null
  }
}

/** From this host, or from a store that has it. */
async function keepKit({ agent, writer, verifier, directory, signal, note, kits }: ArchiveParts, code: string): Promise<void> {
  kits.add(code)
  const signer = await agent.signer()
  const about = { host: agent.host, machineId: agent.machineId, muster: agent.musterVersion, tools: {} }
  const local = await agent.replayKit(code)
  const all = writer.stores()
  await writer.each(async (store) => {
    if (await store.stat(kitKey(code))) return
    if (local) return publishKit(store, signer, local, about, directory)
    for (const other of all) if (other !== store && (await copyKit(other, store, verifier, code, { stagingDirectory: directory, signal }))) return
    note(`no replay kit of code ${code}: the worker that decided with it runs on another host, and this one has none`)
  })
}
