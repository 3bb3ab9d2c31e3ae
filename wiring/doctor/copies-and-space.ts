/** Whether the required copies can be had at all, and whether there is room for them. */
import { join } from 'node:path'
import { freeBytesAt } from '../../activities/free-bytes.ts'
import { isOffHost, judgeCopies } from '../../domain/copies.ts'
import { formatSize } from '../../domain/durations.ts'
import { createDocumentCache } from '../../repository/document-cache.ts'
import { readCatalog } from '../../repository/catalog.ts'
import { readSystemChains } from '../../repository/system-chains.ts'
import { hostDirectory } from '../places.ts'
import { localTrust } from '../trust.ts'
import type { Examined, Findings } from './findings.ts'
import type { ExaminedStore } from './stores.ts'

export function examineCopies(findings: Findings, { config, systems }: Examined, stores: ReadonlyMap<string, ExaminedStore>): void {
  for (const system of systems) {
    const about = `system ${system}`
    const facts = config.systems[system]
    if (!facts) continue
    const places = Object.fromEntries([...stores].map(([name, { probe }]) => [name, probe.place]))
    const bound: string[] = []
    for (const [component, found] of Object.entries(facts.components)) {
      const judged = judgeCopies(config, facts.copies.required, found.host, found.stores, places)
      if (judged.met)
        findings.ok(
          about,
          `${component}: ${judged.total} ${judged.total === 1 ? 'copy' : 'copies'} in distinct places, ${judged.offHost} off host, ${judged.offSite} off site`,
        )
      else
        findings.problem(
          about,
          `${component}: its stores can never hold the required copies: ${judged.missing}`,
          'add a store in another place, or lower copies.required',
        )
      const away = found.stores.some((name) => config.stores[name] && isOffHost(config.stores[name], found.host))
      if (!away) bound.push(component)
    }
    if (bound.length > 0)
      findings.warning(about, `every copy of ${bound.join(', ')} is lost with its host`, 'add a store elsewhere: a NAS with mountRequired, or a bucket')
  }
}

/**
 * Staging holds one compressed backup of a component until every store has it.
 * @param sizes of the data itself, by `system/component`: what a first backup is at most
 */
export async function examineSpace(
  findings: Findings,
  examined: Examined,
  stores: ReadonlyMap<string, ExaminedStore>,
  sizes: ReadonlyMap<string, number>,
): Promise<void> {
  const backups = await lastSizes(findings, examined, stores)
  for (const system of examined.systems) {
    for (const [component, { host, stores: names }] of Object.entries(examined.config.systems[system]?.components ?? {})) {
      const name = `${system}/${component}`
      if (!examined.hosts.includes(host)) continue
      const last = backups.get(name)
      const needed = last ?? sizes.get(name)
      if (needed === undefined) continue
      const basis = last === undefined ? `${formatSize(needed)} of data; no backup has shown yet how small it gets` : `the last backup of ${formatSize(needed)}`
      const staging = join(hostDirectory(examined.places, host), 'staging')
      const free = await freeBytesAt(staging)
      if (free > needed * 1.2) findings.ok(`staging of ${host}`, `${formatSize(free)} free for ${name}: ${basis}`)
      else if (last === undefined)
        findings.warning(
          `staging of ${host}`,
          `${formatSize(free)} are free in ${staging} for ${basis} (${name})`,
          'free some space there, or keep the state on a larger disk: MUSTER_HOME',
        )
      else
        findings.problem(
          `staging of ${host}`,
          `${formatSize(free)} are free in ${staging}, too little for ${basis} (${name})`,
          'free some space there, or keep the state on a larger disk: MUSTER_HOME',
        )
      for (const store of names) {
        const room = stores.get(store)?.probe.freeBytes ?? null
        if (room !== null && last !== undefined && room < 3 * last)
          findings.warning(
            `store ${store}`,
            `${formatSize(room)} are free there: not enough for three more backups of ${name}`,
            'this version removes no old backups: make room, or use a larger disk',
          )
      }
    }
  }
}

async function lastSizes(
  findings: Findings,
  { places, config, systems, hosts, applied }: Examined,
  stores: ReadonlyMap<string, ExaminedStore>,
): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>()
  const trust = applied ? await localTrust(places).catch(() => null) : null
  if (!trust) return sizes
  const cache = createDocumentCache(join(hostDirectory(places, hosts[0] ?? Object.values(config.sites)[0]?.hosts[0] ?? 'localhost'), 'catalog'))
  const asked = [...stores].map(([name, { store }]) => ({ name, open: async () => store }))
  for (const system of systems) {
    const { suspicions } = await readSystemChains({ places: asked, verifier: trust.verifier, secondsEach: 10 }, [system])
    for (const [name, { store }] of stores) {
      const catalog = await findings.look(`store ${name}`, () => readCatalog({ verifier: trust.verifier, cache, suspicions }, store, system), { seconds: 60 })
      for (const { component, objects } of catalog?.manifests ?? []) {
        sizes.set(
          `${system}/${component}`,
          objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        )
      }
      const doubtful = new Set((catalog?.doubtful ?? []).map(({ key }) => key))
      for (const { why, lift } of catalog?.doubtful ?? []) findings.warning(`store ${name}`, why, `if nothing came of it: ${lift}`)
      for (const { key, problem } of (catalog?.invalid ?? []).filter((one) => !doubtful.has(one.key)))
        findings.problem(`store ${name}`, `${key} cannot be believed: ${problem}`, `muster repository check ${name}`)
      for (const { key, problem } of catalog?.damaged ?? []) findings.problem(`store ${name}`, `${key} ${problem}`, `muster repository check ${name}`)
    }
  }
  return sizes
}
