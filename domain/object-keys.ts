/**
 * Every key in a store is built and read here; see docs/repository-format.md.
 *
 * ```
 * muster-store.json                                                       marker of the store
 * keys/00000001.json                                                      key list, signed by the root key
 * config/<sha256>.json                                                    signed config
 * records/<system>/00000001.json                                          control records
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

export const storeMarkerKey = 'muster-store.json'
export const keysPrefix = 'keys/'
export const configPrefix = 'config/'
export const backupsPrefix = 'backups/'
export const walPrefix = 'wal/'
export const recordsPrefix = 'records/'

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

export function keyListKey(sequence: number): string {
  return `${keysPrefix}${eightDigits(sequence)}.json`
}

export function configKey(hash: string): string {
  return `${configPrefix}${hash}.json`
}

export function recordPrefix(system: string): string {
  return `${recordsPrefix}${checked(system)}/`
}

export function recordKey(system: string, sequence: number): string {
  return `${recordPrefix(system)}${eightDigits(sequence)}.json`
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
