/** Stores as written → stores as they count: which hosts reach them, at which site they stand. */
import type { Config, SiteConfig, StoreConfig } from '../domain/config.ts'
import { defined } from './defined.ts'
import { isYes, plainPath } from './normalise-values.ts'
import type { Report } from './problems.ts'
import type { WrittenConfig, WrittenStore } from './schema.ts'

export function normaliseStores(
  written: WrittenConfig['stores'],
  sites: Readonly<Record<string, SiteConfig>>,
  hosts: readonly string[],
  report: Report,
): Config['stores'] {
  const complain = (name: string) => (message: string) => report(['stores', name], message, 'key')
  return Object.fromEntries(Object.entries(written).map(([name, store]) => [name, normaliseStore(store, sites, hosts, complain(name))]))
}

function normaliseStore(
  store: WrittenStore,
  sites: Readonly<Record<string, SiteConfig>>,
  hosts: readonly string[],
  complain: (message: string) => void,
): StoreConfig {
  const reachedFrom = store.hosts ?? hosts
  if (store.hosts === undefined && store.type === 'directory' && hosts.length > 1) {
    complain(`missing "hosts": there are several hosts (${hosts.join(', ')}), and a directory is on some of them; say which`)
  }
  const site = store.site ?? defaultSite(store, reachedFrom, sites, complain)
  if (store.type === 'directory') {
    return defined({
      type: store.type,
      hosts: reachedFrom,
      site,
      path: plainPath(store.path),
      mountRequired: isYes(store.mountRequired),
      host: store.host,
    })
  }
  return defined({
    type: store.type,
    hosts: reachedFrom,
    site,
    bucket: store.bucket,
    region: store.region ?? 'us-east-1',
    prefix: store.prefix.replace(/^\/+|\/+$/g, ''),
    endpoint: store.endpoint?.replace(/\/+$/, ''),
    forcePathStyle: store.forcePathStyle === undefined ? store.endpoint !== undefined : isYes(store.forcePathStyle),
    credentials: { write: store.credentials.write, read: store.credentials.read ?? store.credentials.write },
  })
}

/** Never a guess that would count a copy as off-site. */
function defaultSite(store: WrittenStore, hosts: readonly string[], sites: Readonly<Record<string, SiteConfig>>, complain: (message: string) => void): string {
  const names = Object.keys(sites)
  const [only] = names
  if (names.length === 1 && only !== undefined) return only
  const standing = store.type === 'directory' ? (store.host === undefined ? hosts : [store.host]) : []
  const near = names.filter((name) => standing.some((host) => sites[name]?.hosts.includes(host)))
  if (near.length === 1 && near[0] !== undefined) return near[0]
  complain(`missing "site": there are several sites (${names.join(', ')}); say at which of them this store stands`)
  return only ?? ''
}
