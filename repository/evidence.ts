/** Evidence of runs: a signed record and its printable sheet, create-only, in every store that takes them. */
import type { Signer, Verifier } from '../adapters/crypto/crypto.ts'
import type { Evidence } from '../domain/evidence.ts'
import { canonicalJson } from '../domain/canonical-json.ts'
import type { KeptDecision } from '../domain/decision-section.ts'
import { evidencePage } from '../domain/evidence-page.ts'
import { MusterError } from '../domain/failures.ts'
import { evidenceKey } from '../domain/object-keys.ts'
import { storeDecision } from './decisions.ts'
import { type NamedPlace, type PutEverywhere, putEverywhere } from './put-everywhere.ts'
import { documentLimitBytes, openDocument, sha256Hex, signDocument, splitDocument } from './signed-document.ts'
import { within } from './within.ts'

export interface StoredEvidence extends PutEverywhere {
  readonly key: string
  /** Of the signed text: first line, newline included. */
  readonly sha256: string
}

export interface EvidenceDeps {
  readonly places: readonly NamedPlace[]
  readonly signer: Signer
  readonly verifier: Verifier
  readonly secondsEach: number
}

/**
 * Never throws for what a store says. A run has one record: where an attempt that died wrote it into some of the stores,
 * that one goes into the others. A store has it when it was read back from there: its key may have been taken before.
 */
export async function storeEvidence(asked: EvidenceDeps, run: Evidence, decision: KeptDecision | null = null): Promise<StoredEvidence> {
  const { secondsEach } = asked
  const { deps, evidence, failed: without } = await withDecision(asked, run, decision)
  const { places } = deps
  const key = evidenceKey(evidence.system, evidence.times.declaredAt, evidence.procedure, evidence.run.runId)
  const document = (await earlier(deps, key, evidence.run)) ?? signDocument(deps.signer, 'evidence', evidence)
  const { text } = splitDocument(document, key)
  const sha256 = sha256Hex(text)
  const put = await putEverywhere(places, key, document, secondsEach)
  const { took, failed } = await readBack(deps, put, key, document)
  const sheet = Buffer.from(evidencePage(JSON.parse(text.toString('utf8')) as Evidence, key, sha256, decision))
  await putEverywhere(took, sheetKey(key), sheet, secondsEach)
  return { key, sha256, stores: took.map(({ name }) => name), failed: [...without, ...put.failed, ...failed] }
}

/**
 * A record is only where what it names is too, so that a store without the decision has neither. Where no store takes the
 * decision the record is kept without: evidence with a hole is better than none.
 */
async function withDecision(
  deps: EvidenceDeps,
  evidence: Evidence,
  decision: KeptDecision | null,
): Promise<{ readonly deps: EvidenceDeps; readonly evidence: Evidence; readonly failed: PutEverywhere['failed'] }> {
  if (decision === null) return { deps, evidence, failed: [] }
  const text = canonicalJson(decision)
  if (sha256Hex(text) !== evidence.plan) return { deps, evidence: hollow(evidence, 'what was handed over is not what was approved'), failed: [] }
  const stored = await storeDecision(deps.places, evidence.system, text, deps.secondsEach)
  if (stored.took.length > 0) return { deps: { ...deps, places: stored.took }, evidence: { ...evidence, decision: stored.decision }, failed: stored.failed }
  const why = stored.failed.map(({ store, problem }) => `${store}: ${problem}`).join('; ')
  return { deps, evidence: hollow(evidence, `no store took it: ${why}`), failed: [] }
}

function hollow(evidence: Evidence, why: string): Evidence {
  return { ...evidence, deviations: [...evidence.deviations, `the text of the decision is only in the history: ${why}`] }
}

async function readBack(
  { places, secondsEach }: EvidenceDeps,
  { stores }: PutEverywhere,
  key: string,
  document: Buffer,
): Promise<{ readonly took: readonly NamedPlace[]; readonly failed: PutEverywhere['failed'] }> {
  const put = places.filter(({ name }) => stores.includes(name))
  const looks = await Promise.all(
    put.map(async (place) => {
      try {
        const found = await within(secondsEach, async () => (await place.open()).readBytes(key, documentLimitBytes), `store "${place.name}"`)
        return { place, problem: found.equals(document) ? null : `another object lies under ${key}: muster audit verify` }
      } catch (error) {
        if (!(error instanceof MusterError)) throw error
        return { place, problem: error.message }
      }
    }),
  )
  return {
    took: looks.flatMap(({ place, problem }) => (problem === null ? [place] : [])),
    failed: looks.flatMap(({ place, problem }) => (problem === null ? [] : [{ store: place.name, problem }])),
  }
}

/** Of the sheet beside a record. */
export function sheetKey(key: string): string {
  return key.replace(/\.json$/, '.html')
}

/** What is there already of this run, and can be believed. */
async function earlier(deps: EvidenceDeps, key: string, run: Evidence['run']): Promise<Buffer | null> {
  const looks = await Promise.all(
    deps.places.map(async ({ name, open }) => {
      try {
        const bytes = await within(deps.secondsEach, async () => (await open()).readBytes(key, documentLimitBytes), `store "${name}"`)
        const { value } = openDocument<Evidence>(deps.verifier, 'evidence', bytes, `${name}:${key}`)
        return value.run.runId === run.runId ? bytes : null
      } catch (error) {
        if (!(error instanceof MusterError)) throw error
        return null
      }
    }),
  )
  return looks.find((one) => one !== null) ?? null
}
