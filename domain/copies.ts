/**
 * Judges where copies are against what is required. Copies that would be lost together
 * count once: stores on one device or in one bucket, and a store on the component's own
 * host is never off-host.
 */
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

/** The site a system stands at: that of its first component. */
export function siteOfSystem(config: Config, system: string): string {
  const host = Object.values(config.systems[system]?.components ?? {})[0]?.host
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

/**
 * @param stores names of the stores that have the copy
 * @param places what `Store.probe` says of each; stores with the same text count once
 */
export function judgeCopies(
  config: Config,
  required: RequiredCopies,
  componentHost: string,
  stores: readonly string[],
  places: Readonly<Record<string, string>> = {},
): CopiesJudgement {
  const distinct = new Map<string, { offHost: boolean; offSite: boolean }>()
  for (const name of stores) {
    const store = config.stores[name]
    if (!store) continue
    const place = places[name] ?? defaultPlace(name, store)
    const before = distinct.get(place)
    distinct.set(place, {
      offHost: (before?.offHost ?? true) && isOffHost(store, componentHost),
      offSite: (before?.offSite ?? true) && isOffSite(config, store, componentHost),
    })
  }
  const values = [...distinct.values()]
  const have = { total: values.length, offHost: values.filter((v) => v.offHost).length, offSite: values.filter((v) => v.offSite).length }
  const lacking = (['total', 'offHost', 'offSite'] as const)
    .filter((key) => have[key] < required[key])
    .map((key) => `${have[key]} of ${required[key]} ${{ total: 'copies', offHost: 'off-host copies', offSite: 'off-site copies' }[key]}`)
  return { ...have, met: lacking.length === 0, missing: lacking.join(', ') }
}

function defaultPlace(name: string, store: StoreConfig): string {
  return store.type === 's3' ? `s3:${store.endpoint ?? ''}/${store.bucket}` : `directory:${name}`
}
