/**
 * Judges where copies are against what is required. Copies that would be lost together
 * count once: stores on one filesystem or network mount or in one bucket, hard links with
 * them; and a store on the component's own host is never off-host. Everything that counts
 * copies counts them here: backup runs, the WAL shipper, restores, status and doctor.
 */
import { MusterError } from './failures.ts'
import type { Config, RequiredCopies, StoreConfig } from './config.ts'

export interface CopiesJudgement {
  readonly total: number
  readonly offHost: number
  readonly offSite: number
  readonly met: boolean
  /** What is missing, for a person; empty when met. */
  readonly missing: string
}

export function siteOfHost(config: Config, host: string): string | null {
  return Object.entries(config.sites).find(([, site]) => site.hosts.includes(host))?.[0] ?? null
}

/** In the order of the configuration; all of them for a host that none of them names. */
export function storesReachedBy(config: Config, host: string): readonly string[] {
  const all = Object.entries(config.stores)
  const reached = all.filter(([, store]) => store.hosts.includes(host))
  return (reached.length > 0 ? reached : all).map(([name]) => name)
}

/** Whether whoever works at a site writes into a store. */
export function isReachedBySite(config: Config, store: string, site: string): boolean {
  const hosts = config.sites[site]?.hosts ?? []
  return hosts.length > 0 && hosts.every((host) => config.stores[store]?.hosts.includes(host))
}

/**
 * The site a system stands at: that of its first component.
 * @throws MusterError UnknownName
 */
export function siteOfSystem(config: Config, system: string): string {
  const found = Object.hasOwn(config.systems, system) ? config.systems[system] : undefined
  if (!found) {
    throw new MusterError('UnknownName', `there is no system "${system}"; configured are: ${Object.keys(config.systems).join(', ')}`, {
      hint: 'name one of these; where it is new in muster.yaml, first run: muster apply',
    })
  }
  const host = Object.values(found.components)[0]?.host
  return (host === undefined ? null : siteOfHost(config, host)) ?? Object.keys(config.sites)[0] ?? 'primary'
}

/** A directory is off-host only when it says so: on a mount of its own, or on another declared host. */
export function isOffHost(store: StoreConfig, componentHost: string): boolean {
  if (store.type === 's3') return true
  return store.mountRequired || (store.host !== undefined && store.host !== componentHost)
}

export function isOffSite(config: Config, store: StoreConfig, componentHost: string): boolean {
  return isOffHost(store, componentHost) && store.site !== siteOfHost(config, componentHost)
}

/** One copy: the store that has it, where that lies as `Store.place` says, and what it is good for. */
export interface PlacedCopy {
  readonly store: string
  readonly place: string
  readonly offHost: boolean
  readonly offSite: boolean
}

/** Of copies in one place the least counts: what lies on the host's own disk is not off-host by a second name. */
export function countCopies(required: RequiredCopies, copies: readonly PlacedCopy[]): CopiesJudgement {
  const distinct = new Map<string, readonly PlacedCopy[]>()
  for (const copy of copies) distinct.set(copy.place, [...(distinct.get(copy.place) ?? []), copy])
  const places = [...distinct.values()]
  const have = {
    total: places.length,
    offHost: places.filter((here) => here.every(({ offHost }) => offHost)).length,
    offSite: places.filter((here) => here.every(({ offSite }) => offSite)).length,
  }
  const lacking = (['total', 'offHost', 'offSite'] as const)
    .filter((key) => have[key] < required[key])
    .map((key) => `${have[key]} of ${required[key]} ${{ total: 'copies', offHost: 'off-host copies', offSite: 'off-site copies' }[key]}`)
  const shared = places.filter((here) => here.length > 1).map((here) => `${here.map(({ store }) => store).join(' and ')} are in one place and count once`)
  return { ...have, met: lacking.length === 0, missing: lacking.length === 0 ? '' : [lacking.join(', '), ...shared].join('; ') }
}

/**
 * @param stores names of the stores that have the copy
 * @param places what `Store.place` says of each, as far as it was observed
 */
export function judgeCopies(
  config: Config,
  required: RequiredCopies,
  componentHost: string,
  stores: Iterable<string>,
  places: Readonly<Record<string, string>> = {},
): CopiesJudgement {
  const copies = [...stores].flatMap((name): PlacedCopy[] => {
    const store = config.stores[name]
    if (!store) return []
    const place = places[name] ?? placeAsConfigured(name, store)
    return [{ store: name, place, offHost: isOffHost(store, componentHost), offSite: isOffSite(config, store, componentHost) }]
  })
  return countCopies(required, copies)
}

/** What the configuration alone tells; a folder is taken for a place of its own until somebody looked. */
function placeAsConfigured(name: string, store: StoreConfig): string {
  return store.type === 's3' ? `s3:${store.endpoint ?? ''}/${store.bucket}` : `directory:${name}`
}
