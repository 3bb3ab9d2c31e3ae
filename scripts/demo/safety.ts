/** What a restore set aside: looked at where it lies, not taken from what the run says of itself. */
import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecretResolver } from '../../adapters/secret/resolver.ts'
import { loadConfig } from '../../config/load.ts'
import { foldRecords } from '../../domain/control-state.ts'
import { readRecords } from '../../repository/control-records.ts'
import { createStore } from '../../wiring/stores.ts'
import { localTrust } from '../../wiring/trust.ts'
import type { DemoPlaces } from './places.ts'
import type { SafetySetReport } from './report.ts'
import type { DoneRestore } from './restore.ts'

export interface SafetyLook extends SafetySetReport {
  /** Path of the old uploads; null where there are none. */
  readonly uploads: string | null
  readonly keepUntil: string | null
}

export async function lookAtSafetySet(places: DemoPlaces, done: DoneRestore): Promise<SafetyLook> {
  const { safety, steps, plan } = done.result
  const pathOf = (member: string) => safety.find(({ path, sizeBytes }) => path === member && sizeBytes > 0)?.safetyPath ?? null
  const path = pathOf(places.disk.dataDirectory)
  const kept =
    path !== null &&
    (await access(join(path, 'PG_VERSION')).then(
      () => true,
      () => false,
    ))
  const [database] = plan.decision.components
  const reason = kept
    ? `set aside by ${database?.type === 'postgresql' ? database.setAside : 'rename'}`
    : path === null
      ? 'there was nothing left to set aside'
      : `${path} holds no database`
  return {
    kept,
    path,
    seconds: steps.find(({ name }) => name === 'swap')?.seconds ?? 0,
    reason,
    uploads: pathOf(places.disk.uploads),
    keepUntil: await keepUntil(places, done),
  }
}

/** As the system's control records have it, the same in every store. */
async function keepUntil(places: DemoPlaces, { workflowId, runId }: DoneRestore): Promise<string | null> {
  const { config } = await loadConfig(places.muster.configFile)
  const { verifier } = await localTrust(places.muster)
  const { records } = await readRecords({ stores: [createStore(config, 'offsite', createSecretResolver())], verifier }, 'shop')
  return foldRecords(records).safetySets.find(({ run }) => run === `${workflowId}:${runId}`)?.keepUntil ?? null
}

export async function fileIn(directory: string | null, name: string): Promise<string | null> {
  return directory === null ? null : readFile(join(directory, name), 'utf8').catch(() => null)
}
