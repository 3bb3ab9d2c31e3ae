/**
 * Every key in a store is built and read here; see docs/repository-format.md.
 *
 * ```
 * muster-store.json                                                       marker of the store
 * keys/00000001.json                                                      key list, signed by the root key
 * config/<sha256>.json                                                    signed config
 * recovery-kits/<site>/<made>-<sha256, 16 digits>.json                    recovery kit of a site
 * records/<system>/00000001.json                                          control records
 * evidence/<system>/<declared>-<procedure>-<run, 8 hex>.json               signed evidence of a run; beside it its sheet, .html
 * evidence/<system>/decisions/<sha256>.json                               what a run was to do, as it was approved; named by its evidence
 * audit/<site>/00000001.json                                              audit records of a site
 * histories/<system>/<closed>-<procedure>-<run, 8>-<sha256, 16 digits>.json.gz
 * kits/<code>/kit.json                                                    signed replay kit, written last
 * kits/<code>/objects/<sha256>.gz
 * records/_installation/00000001.json                                     which configuration was applied
 * records/_host-<host>/00000001.json                                      which configuration that host has taken
 * records/_temporal-<namespace id>/00000001.json                          when that Temporal was adopted
 * begun/<system>/<marked>-<procedure>-<run, 8>.json                       a run is about to change the system in place
 * forecasts/<system>/<taken>-<sha256, 16 digits>.json                     forecast of a plan
 * differences/<system>/<taken>-<sha256, 16 digits>.json.age               what a plan would change, file by file
 * backups/<system>/<component>/<backup>/manifest.json                     signed manifest, written last
 * backups/<system>/<component>/<backup>/objects/<name>.age
 * wal/<system>/<component>/<incarnation>/index/<segment>.<start>-<end>.<kind>.<nonce>.json
 * wal/<system>/<component>/<incarnation>/objects/<segment>.<start>-<end>.<kind>.<nonce>.zst.age
 * ```
 * `<backup>` is `<started, 20261121T020000Z>-<kind>-<run, 8 hex>-a<attempt>`: it sorts by
 * time, and a retry never meets what an older attempt left.
 * `<start>` and `<end>` are 16 hex digits, so that a listing alone shows what may be skipped.
 */
import { MusterError } from './failures.ts'
import type { Lsn } from './wal.ts'

export const runbookName = 'RUNBOOK.md'
export const storeMarkerKey = 'muster-store.json'
export const keysPrefix = 'keys/'
export const configPrefix = 'config/'
export const recoveryKitsPrefix = 'recovery-kits/'
export const backupsPrefix = 'backups/'
export const walPrefix = 'wal/'
export const recordsPrefix = 'records/'
export const forecastsPrefix = 'forecasts/'
export const differencesPrefix = 'differences/'
export const evidencesPrefix = 'evidence/'
export const auditsPrefix = 'audit/'

const namePattern = /^[a-z0-9][a-z0-9_-]{0,62}$/

/** Systems, components, stores, sites, services and hosts appear in keys and paths. */
export function isName(text: string): boolean {
  return namePattern.test(text)
}

function checked(name: string): string {
  if (!isName(name))
    throw new MusterError('InvalidInput', `"${name}" is not a name: lower-case letters, digits, - and _, at most 63, beginning with a letter or digit`)
  return name
}

function checkedHash(hash: string): string {
  if (!/^[0-9a-f]{64}$/.test(hash)) throw new MusterError('InvalidInput', `"${hash}" is no hash: 64 hex digits`)
  return hash
}

export function keyListKey(sequence: number): string {
  return `${keysPrefix}${eightDigits(sequence)}.json`
}

export function configKey(hash: string): string {
  return `${configPrefix}${hash}.json`
}

export function recoveryKitPrefix(site: string): string {
  return `${recoveryKitsPrefix}${checked(site)}/`
}

/** `madeAt` ISO-8601 UTC; `sha256` of the kit's text. */
export function recoveryKitKey(site: string, madeAt: string, sha256: string): string {
  return `${recoveryKitPrefix(site)}${compactTime(madeAt)}-${sha256.slice(0, 16)}.json`
}

/** The chain of the installation: which configuration was applied. No system can have this name. */
export const installationChain = '_installation'

/** The chain of one host: which configuration its agent has taken. */
export function hostChain(host: string): string {
  return `_host-${checked(host)}`
}

/** The chain of one Temporal: when it was adopted. @param namespaceId as Temporal gave it to the namespace when that was made */
export function temporalChain(namespaceId: string): string {
  return `_temporal-${checked(namespaceId)}`
}

const ownPrefixes = ['_host-', '_temporal-'] as const

/** A chain that belongs to no system. */
export function isOwnChain(name: string): boolean {
  return name === installationChain || ownPrefixes.some((prefix) => name.startsWith(prefix) && isName(name.slice(prefix.length)))
}

/** @param chain a system, or a chain of Muster's own */
export function recordPrefix(chain: string): string {
  return `${recordsPrefix}${isOwnChain(chain) ? chain : checked(chain)}/`
}

export function recordKey(chain: string, sequence: number): string {
  return `${recordPrefix(chain)}${eightDigits(sequence)}.json`
}

/** @param system or the chain of the installation, of a run that concerns several systems */
export function evidencePrefix(system: string): string {
  return `${evidencesPrefix}${system === installationChain ? system : checked(system)}/`
}

/** `runId`: Temporal's, of which the last 8 digits are used: the first are a clock's. */
export function evidenceKey(system: string, declaredAt: string, procedure: string, runId: string): string {
  return `${evidencePrefix(system)}${compactTime(declaredAt)}-${procedure}-${runId.slice(-8)}.json`
}

/** @param sha256 of the decision's text, which is the object */
export function decisionKey(system: string, sha256: string): string {
  return `${evidencePrefix(system)}decisions/${checkedHash(sha256)}.json`
}

/** A key of evidence → its parts, or null for another key. What it says is proven only by the signed record. */
export function parseEvidenceKey(key: string): { readonly system: string; readonly procedure: string; readonly run: string } | null {
  const match = /^evidence\/([^/]+)\/\d{8}T\d{6}Z-([A-Za-z]+)-([^/]{1,8})\.json$/.exec(key)
  return match ? { system: match[1] as string, procedure: match[2] as string, run: match[3] as string } : null
}

export function begunPrefix(system: string): string {
  return `begun/${checked(system)}/`
}

/** `at` ISO-8601 UTC, when the step was scheduled. */
export function begunKey(system: string, at: string, procedure: string, runId: string): string {
  return `${begunPrefix(system)}${compactTime(at)}-${procedure}-${runId.slice(-8)}.json`
}

/** The last 8 digits of the run of a mark, or null for another key. */
export function parseBegunKey(key: string): { readonly run: string } | null {
  const match = /^begun\/[^/]+\/\d{8}T\d{6}Z-[A-Za-z]+-([^/]{1,8})\.json$/.exec(key)
  return match ? { run: match[1] as string } : null
}

export function auditPrefix(site: string): string {
  return `${auditsPrefix}${checked(site)}/`
}

export function auditKey(site: string, sequence: number): string {
  return `${auditPrefix(site)}${eightDigits(sequence)}.json`
}

/** A key of an audit record → its site and number, or null for another key. */
export function parseAuditKey(key: string): { readonly site: string; readonly sequence: number } | null {
  const match = /^audit\/([^/]+)\/(\d{8})\.json$/.exec(key)
  return match && isName(match[1] as string) ? { site: match[1] as string, sequence: Number(match[2]) } : null
}

/** @param system null of a run without one; `sha256` of the object */
export function historyKey(system: string | null, closedAt: string, procedure: string, runId: string, sha256: string): string {
  return `histories/${system === null ? installationChain : checked(system)}/${compactTime(closedAt)}-${procedure}-${runId.slice(-8)}-${sha256.slice(0, 16)}.json.gz`
}

/** @param code SHA-256 of a workflow bundle without its source map */
export function kitKey(code: string): string {
  return `kits/${checkedHash(code)}/kit.json`
}

export function kitObjectKey(code: string, sha256: string): string {
  return `kits/${checkedHash(code)}/objects/${checkedHash(sha256)}.gz`
}

/** `takenAt` ISO-8601 UTC; `sha256` of the forecast's text: two forecasts of one second never meet. */
export function forecastKey(system: string, takenAt: string, sha256: string): string {
  return `${forecastsPrefix}${checked(system)}/${compactTime(takenAt)}-${sha256.slice(0, 16)}.json`
}

/** As a forecast's. */
export function differenceKey(system: string, takenAt: string, sha256: string): string {
  return `${differencesPrefix}${checked(system)}/${compactTime(takenAt)}-${sha256.slice(0, 16)}.json.age`
}

export function componentBackupsPrefix(system: string, component?: string): string {
  return component === undefined ? `${backupsPrefix}${checked(system)}/` : `${backupsPrefix}${checked(system)}/${checked(component)}/`
}

export function backupPrefix(system: string, component: string, backup: string): string {
  return `${componentBackupsPrefix(system, component)}${backup}/`
}

export function manifestKey(system: string, component: string, backup: string): string {
  return `${backupPrefix(system, component, backup)}manifest.json`
}

export function runbookKey(system: string, component: string, backup: string): string {
  return `${backupPrefix(system, component, backup)}${runbookName}`
}

export function backupObjectKey(system: string, component: string, backup: string, name: string): string {
  return `${backupPrefix(system, component, backup)}objects/${name}.age`
}

/** `startedAt` ISO-8601 UTC; `runShort` 8 hex digits. */
export function backupId(startedAt: string, kind: string, runShort: string, attempt: number): string {
  return `${compactTime(startedAt)}-${kind}-${runShort}-a${attempt}`
}

/** `backups/<system>/<component>/<backup>/…` → its parts, or null for another key. */
export function parseBackupKey(key: string): { system: string; component: string; backup: string; rest: string } | null {
  const match = /^backups\/([^/]+)\/([^/]+)\/([^/]+)\/(.+)$/.exec(key)
  return match ? { system: match[1] as string, component: match[2] as string, backup: match[3] as string, rest: match[4] as string } : null
}

export interface WalShipmentName {
  readonly segment: string
  readonly startLsn: Lsn
  readonly endLsn: Lsn
  readonly kind: 'segment' | 'partial' | 'history'
  /** 8 hex digits: two shippers never collide. */
  readonly nonce: string
}

export function walIncarnationPrefix(system: string, component: string, incarnation: string): string {
  return `${walPrefix}${checked(system)}/${checked(component)}/${incarnation}/`
}

export function walIndexPrefix(system: string, component: string, incarnation: string): string {
  return `${walIncarnationPrefix(system, component, incarnation)}index/`
}

export function walIndexKey(system: string, component: string, incarnation: string, name: WalShipmentName): string {
  return `${walIndexPrefix(system, component, incarnation)}${shipmentText(name)}.json`
}

export function walObjectKey(system: string, component: string, incarnation: string, name: WalShipmentName): string {
  return `${walIncarnationPrefix(system, component, incarnation)}objects/${shipmentText(name)}.zst.age`
}

/** The last part of a WAL index key → what it says, or null. What it says is proven only by the signed index. */
export function parseWalIndexKey(key: string): WalShipmentName | null {
  const match = /\/index\/([0-9A-F]{24}|[0-9A-F]{8}\.history)\.([0-9A-F]{16})-([0-9A-F]{16})\.(segment|partial|history)\.([0-9a-f]{8})\.json$/.exec(key)
  if (!match) return null
  return {
    segment: match[1] as string,
    startLsn: BigInt(`0x${match[2]}`),
    endLsn: BigInt(`0x${match[3]}`),
    kind: match[4] as WalShipmentName['kind'],
    nonce: match[5] as string,
  }
}

function shipmentText(name: WalShipmentName): string {
  return `${name.segment}.${hex16(name.startLsn)}-${hex16(name.endLsn)}.${name.kind}.${name.nonce}`
}

function hex16(lsn: Lsn): string {
  return lsn.toString(16).toUpperCase().padStart(16, '0')
}

function eightDigits(sequence: number): string {
  return String(sequence).padStart(8, '0')
}

/** `2026-11-21T02:00:00.123Z` → `20261121T020000Z`. */
export function compactTime(iso: string): string {
  return `${iso.slice(0, 19).replace(/[-:]/g, '')}Z`
}
