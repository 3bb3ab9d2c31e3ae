/** Stores: reachable, writable, the right ones, with a clock that agrees, and with the same truth in each. */
import { randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { createSecretResolver } from '../../adapters/secret/resolver.ts'
import type { Store, StoreProbe } from '../../adapters/store/store.ts'
import { formatDuration, formatSize } from '../../domain/durations.ts'
import { MusterError } from '../../domain/failures.ts'
import { keyListKey, storeMarkerKey } from '../../domain/object-keys.ts'
import type { StoreMarker } from '../../domain/repository-format.ts'
import { readChain } from '../../repository/control-records.ts'
import { readTrust } from '../../repository/trust.ts'
import { createStore } from '../stores.ts'
import { localTrust, pinnedFingerprint, trustTools } from '../trust.ts'
import type { Examined, Findings } from './findings.ts'
import { localKeyList } from './keys.ts'

export interface ExaminedStore {
  readonly store: Store
  readonly probe: StoreProbe
}

const lowBytes = 5e9
const clockWarningSeconds = 5
const clockProblemSeconds = 60

/** Stores that answered, for what is looked at next. */
export async function examineStores(findings: Findings, examined: Examined): Promise<ReadonlyMap<string, ExaminedStore>> {
  const { config, hosts, systems } = examined
  const answered = new Map<string, ExaminedStore>()
  const used = new Set(systems.flatMap((system) => Object.values(config.systems[system]?.components ?? {}).flatMap(({ stores }) => [...stores])))
  for (const [name, facts] of Object.entries(config.stores)) {
    if (!used.has(name)) continue
    if (!facts.hosts.some((host) => hosts.includes(host))) {
      findings.ok(`store ${name}`, `is not reached from this host; examine it on ${facts.hosts.join(', ')}`)
      continue
    }
    const found = await findings.look(`store ${name}`, () => examineStore(findings, examined, name), { seconds: 60 })
    if (found) answered.set(name, found)
  }
  for (const [place, names] of groupByPlace(answered)) {
    if (names.length > 1)
      findings.warning(
        'stores',
        `${names.join(' and ')} stand in one place (${place}): together they count as one copy`,
        'put one of them on another disk or in another bucket',
      )
  }
  await examineRecords(findings, examined, answered)
  return answered
}

async function examineStore(findings: Findings, examined: Examined, name: string): Promise<ExaminedStore | null> {
  const about = `store ${name}`
  const facts = examined.config.stores[name]
  if (facts?.type === 'directory' && !facts.mountRequired && !examined.applied && !(await stat(facts.path).catch(() => null))) {
    findings.ok(about, `${facts.path} is not there yet; the first apply makes it`)
    return null
  }
  const store = createStore(examined.config, name, createSecretResolver())
  const probe = await store.probe({ write: true })
  if (!probe.reachable) {
    findings.problem(
      about,
      probe.problem ?? 'does not answer',
      facts?.type === 'directory' ? 'mount it, or correct its path' : 'look at its address, credentials and bucket',
    )
    return null
  }
  if (!probe.writable) findings.problem(about, probe.problem ?? 'is not writable', 'give the agent the right to write there; no backup can be stored')
  else findings.ok(about, `answers and takes a probe${probe.freeBytes === null ? '' : `, ${formatSize(probe.freeBytes)} free`}`)
  if (probe.freeBytes !== null && probe.freeBytes < lowBytes)
    findings.warning(about, `only ${formatSize(probe.freeBytes)} are free there`, 'free some space before the next backup')
  if (facts?.type === 'directory' && !facts.mountRequired && facts.host !== undefined) {
    findings.warning(about, `its disk is said to be on host ${facts.host}, yet it is written also where nothing is mounted`, 'set mountRequired: yes')
  }
  await examineMark(findings, examined, store)
  if (probe.writable) await findings.look(about, () => examineClock(findings, store))
  return { store, probe }
}

async function examineMark(findings: Findings, examined: Examined, store: Store): Promise<void> {
  const about = `store ${store.name}`
  const bytes = await absentAsNull(store.readBytes(storeMarkerKey))
  if (bytes === null) return findings.later(examined.applied, about, 'it carries no mark: no configuration was applied to it', 'muster apply')
  const mark = JSON.parse(bytes.toString('utf8')) as StoreMarker
  if (mark.store !== store.name || mark.organisation !== examined.config.organisation) {
    return findings.problem(
      about,
      `it is marked as store "${mark.store}" of "${mark.organisation}"`,
      'correct its path, bucket or prefix: two stores never share a place',
    )
  }
  const list = await absentAsNull(store.readBytes(keyListKey(1)))
  if (!list) return findings.problem(about, 'it has no key list: nobody could check what is in it', 'muster apply')
  const hint = 'use an empty store, or the keys that made this one'
  const trust = await readTrust(store, await pinnedFingerprint(examined.places), trustTools).catch((error: unknown) => {
    if (!(error instanceof MusterError) || (error.type !== 'KeyNotTrusted' && error.type !== 'SignatureInvalid')) throw error
    findings.problem(about, `it belongs to another installation: ${error.message}`, hint)
    return null
  })
  if (!trust) return
  const local = await localKeyList(examined.places)
  if (local && !list.equals(local)) findings.problem(about, 'its key list is not the one of this host', hint)
  else findings.ok(about, `it is store "${mark.store}" since ${mark.createdAt}`)
}

/** Signatures of requests, ages and windows rely on clocks that agree. */
async function examineClock(findings: Findings, store: Store): Promise<void> {
  const key = `muster-probe-${randomBytes(8).toString('hex')}`
  const before = Date.now()
  try {
    await store.putBytes(key, Buffer.from('muster'))
    const after = Date.now()
    const there = await store.stat(key)
    if (!there)
      throw new MusterError('ObjectMissing', `the probe object written to ${store.name} is not there`, {
        hint: 'do not rely on this store: what it confirms it does not keep',
      })
    compareClocks(findings, `the clock of store ${store.name}`, Date.parse(there.modifiedAt), before, after)
  } finally {
    await store.remove(key).catch(() => undefined)
  }
}

/** `theirs` was read between two readings of ours. */
export function compareClocks(findings: Findings, what: string, theirs: number, before: number, after: number): void {
  // Some stores tell whole seconds only.
  const off = theirs < before - 1000 ? (before - theirs) / 1000 : theirs > after + 1000 ? (theirs - after) / 1000 : 0
  const text = `${what} is ${formatDuration(Math.round(off))} ${theirs < before ? 'behind' : 'ahead of'} this host's`
  const hint = 'set both by NTP: systemctl enable --now systemd-timesyncd, or chrony'
  if (off > clockProblemSeconds) findings.problem('clock', text, hint)
  else if (off > clockWarningSeconds) findings.warning('clock', text, hint)
  else findings.ok('clock', `${what} agrees with this host's`)
}

/** The chain of the store that stands first counts; the others must be the same, or shorter. */
async function examineRecords(findings: Findings, { places, systems, applied }: Examined, stores: ReadonlyMap<string, ExaminedStore>): Promise<void> {
  if (!applied || stores.size === 0) return
  const trust = await localTrust(places).catch(() => null)
  if (!trust) return
  for (const system of systems) {
    const about = `system ${system}`
    const chains: { readonly name: string; readonly documents: readonly Buffer[] }[] = []
    for (const [name, { store }] of stores) {
      const chain = await findings.look(about, () => readChain(store, system, trust.verifier))
      if (chain) chains.push({ name, documents: chain.documents })
    }
    const longest = Math.max(0, ...chains.map(({ documents }) => documents.length))
    const first = chains.find(({ documents }) => documents.length === longest)
    for (const { name, documents } of chains) {
      const different = documents.findIndex((document, index) => !first?.documents[index]?.equals(document))
      if (different >= 0)
        findings.problem(
          about,
          `${name} holds another control record ${different + 1} than ${first?.name}`,
          `find out who wrote to ${name}; what ${first?.name} says counts`,
        )
      else if (documents.length < longest)
        findings.warning(
          about,
          `${name} lacks ${longest - documents.length} of ${longest} control records`,
          'it is brought up to date by the next write: muster backup SYSTEM',
        )
    }
    if (longest > 0) findings.ok(about, `${longest} control records in ${chains.map(({ name }) => name).join(', ')}`)
  }
}

function groupByPlace(stores: ReadonlyMap<string, ExaminedStore>): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>()
  for (const [name, { probe }] of stores) groups.set(probe.place, [...(groups.get(probe.place) ?? []), name])
  return groups
}

async function absentAsNull<T>(read: Promise<T>): Promise<T | null> {
  return read.catch((error: unknown) => {
    if (error instanceof MusterError && error.type === 'ObjectMissing') return null
    throw error
  })
}
