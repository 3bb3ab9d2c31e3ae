/**
 * `muster repository open`: on a machine that has nothing but the programs, from the root fingerprint, an identity and one store,
 * everything that an agent of the site needs. First all is proven, then it is written.
 */
import { access } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { createAgeDecryption } from '../adapters/crypto/age.ts'
import { ageRecipientsOf } from '../adapters/crypto/age-identity.ts'
import { createSecretResolver } from '../adapters/secret/resolver.ts'
import type { SecretResolver } from '../adapters/secret/secret.ts'
import type { OpenedRepository, OpenRepositoryOptions } from '../clients/cli/open.ts'
import { viewOpenedSystem } from '../clients/opened-view.ts'
import { configHash } from '../config/canonical.ts'
import type { StoreConfig } from '../domain/config.ts'
import { foldRecords } from '../domain/control-state.ts'
import { MusterError } from '../domain/failures.ts'
import { hostKeyItem, kitItemText } from '../domain/recovery-kit.ts'
import { closedToOthers } from './closed-to-others.ts'
import { loadHere } from './load-here.ts'
import { openDeclaredStore } from './open/declared-store.ts'
import { install, type Installing, planInstall } from './open/install.ts'
import { type OpenedKit, noKit, openKitOf } from './open/opened-kit.ts'
import { compareWithOthers, type OtherStore } from './open/other-stores.ts'
import { proveStore, type ProvenStore } from './open/proven-store.ts'
import { type OpenedAs, whichHost } from './open/which-host.ts'
import { keyFiles, type Places } from './places.ts'
import { pinnedFingerprint } from './trust.ts'

/** @throws MusterError for whatever cannot be proven, or is there already; then nothing was written */
export async function openRepository(places: Places, options: OpenRepositoryOptions): Promise<OpenedRepository> {
  const rootFingerprint = await givenFingerprint(places, options.rootFingerprint)
  const identityFile = resolve(options.identityFile ?? join(places.keys, keyFiles.identity))
  const secrets = createSecretResolver()
  options.onProgress('proving keys, configuration and control records')
  const { declared, store, marker } = await openDeclaredStore(options.store, secrets)
  const proven = await proveStore(store, rootFingerprint)
  const { config } = proven
  if (marker.organisation !== config.organisation || !config.stores[store.name]) {
    throw new MusterError(
      'WrongTarget',
      `it is marked as store "${store.name}" of "${marker.organisation}", which the configuration of "${config.organisation}" in it does not have`,
      {
        hint: 'the mark or what lies here was moved or copied: open another store',
      },
    )
  }
  const as = whichHost(config, options.host)
  await refuseUnreadable(proven, as, identityFile)
  const kit = options.withoutKit ? noKit : await openKitOf(proven, as, createAgeDecryption(identityFile))
  options.onProgress('asking the other stores')
  const others = await compareWithOthers(proven, as.host, rootFingerprint, kitFirst(kit, secrets))
  refuseOlder(proven, others, options.acceptOlder)
  options.onProgress('proving the catalog')
  const systems = []
  for (const [system, { records }] of proven.chains) systems.push(await viewOpenedSystem(config, proven.trust.verifier, store, system, foldRecords(records)))
  const at = new Date().toISOString()
  const installing: Installing = { ...as, proven, kit, rootFingerprint, identityFile, at }
  const planned = await planInstall(places, installing)
  if (!options.dryRun) await install(places, planned, installing)
  return {
    at,
    store: store.name,
    organisation: config.organisation,
    ...as,
    config: { hash: proven.configHash, number: proven.number, appliedAt: proven.appliedAt },
    newestRecordAt: newestRecordAt(proven),
    systems,
    others: others.map(({ store: name, text }) => ({ store: name, text })),
    kit: { madeAt: kit.madeAt, holds: kit.values.size, lacks: kit.lacks.map(kitItemText) },
    written: options.dryRun ? [] : planned.write.map(({ path }) => path),
    notes: await notesOf(places, { proven, kit, as, declared, kept: planned.kept, options }),
  }
}

async function givenFingerprint(places: Places, given: string | null): Promise<string> {
  const text = given?.trim() ?? null
  if (text !== null && !/^SHA256:[A-Za-z0-9+/]{43}$/.test(text)) {
    throw new MusterError('InvalidInput', `"${text}" is no fingerprint of a key`, {
      hint: 'it begins with SHA256: and has 43 more characters, as muster init printed it',
    })
  }
  const pinned = await pinnedFingerprint(places).catch(() => null)
  if (text !== null && pinned !== null && pinned !== text)
    throw new MusterError('KeyNotTrusted', `${pinned} is pinned on this machine, you gave ${text}`, {
      hint: `compare both with what you hold; the pinned one is in ${join(places.keys, keyFiles.fingerprint)}`,
    })
  const found = text ?? pinned
  if (found === null)
    throw new MusterError('InvalidInput', 'nothing says which root key is to be believed', {
      hint: 'give the fingerprint that you hold: --root-fingerprint SHA256:…; never take it from the store',
    })
  return found
}

/** An identity that reads nothing is better known now than in the middle of a failover. */
async function refuseUnreadable({ config }: ProvenStore, { host }: OpenedAs, identityFile: string): Promise<void> {
  if (!(await isThere(identityFile)))
    throw new MusterError('IdentityMissing', `there is no age identity ${identityFile}`, { hint: 'name the file that you hold: --identity FILE' })
  if (!config.encryption.restoreHosts.includes(host)) return
  const mine = await ageRecipientsOf(identityFile)
  if (config.encryption.recipients.some((recipient) => mine.includes(recipient))) return
  throw new MusterError(
    'IdentityMissing',
    `the identity in ${identityFile} (${mine.join(', ')}) is none of the recipients: it reads no backup of "${config.organisation}"`,
    {
      hint: `name an identity of one of ${config.encryption.recipients.join(', ')}: --identity FILE`,
    },
  )
}

function refuseOlder(proven: ProvenStore, others: readonly OtherStore[], accept: boolean): void {
  const worse = others.find(({ relation }) => relation === 'apart') ?? others.find(({ relation }) => relation === 'behind')
  if (!worse || accept) return
  throw new MusterError('PreconditionFailed', `store "${worse.store}": ${worse.text}; nothing was written`, {
    hint:
      worse.relation === 'behind'
        ? `open that one, or go on with the older truth of "${proven.store.name}": --accept-older`
        : 'find out which of them is yours: muster repository check STORE where both are reached; to go on with this one: --accept-older',
  })
}

/** What is set on this machine counts; else what the kit says. */
function kitFirst(kit: OpenedKit, secrets: SecretResolver): SecretResolver {
  return {
    async resolve(reference) {
      try {
        return await secrets.resolve(reference)
      } catch (error) {
        const value = kit.values.get(reference)
        if (!value) throw error
        return value.toString('utf8').replace(/\r?\n$/, '')
      }
    },
  }
}

function newestRecordAt({ chains, installation }: ProvenStore): string | null {
  return (
    [...chains.values(), installation]
      .flatMap(({ records }) => records.at(-1)?.at ?? [])
      .sort()
      .at(-1) ?? null
  )
}

interface Noted {
  readonly proven: ProvenStore
  readonly kit: OpenedKit
  readonly as: OpenedAs
  readonly declared: StoreConfig
  readonly kept: readonly string[]
  readonly options: OpenRepositoryOptions
}

async function notesOf(places: Places, { proven, kit, as, declared, kept, options }: Noted): Promise<readonly string[]> {
  const configured = proven.config.stores[proven.store.name] as StoreConfig
  const key = join(places.keys, keyFiles.host(as.host))
  const notes = kept.map((path) => `${path} was there with other content and counts; it was not changed`)
  if (placeOf(configured) !== placeOf(declared))
    notes.push(
      `store "${proven.store.name}" was opened at ${placeOf(declared)}; agents look for it at ${placeOf(configured)}: make it reachable there before anything runs`,
    )
  if (!configured.hosts.includes(as.host)) notes.push(`by the configuration host ${as.host} does not reach store "${proven.store.name}"`)
  if (kit.madeAt === null)
    notes.push(`no recovery kit was used: put the secrets that the configuration names on this machine by hand; muster doctor says which`)
  if (!kit.values.has(hostKeyItem(as.host)) && !(await isThere(key)))
    notes.push(`the key of host ${as.host} is missing: without ${key} its agent can sign nothing, and no run succeeds`)
  if (!options.dryRun) notes.push(...(await yamlNotes(places, proven)))
  const closed = options.dryRun ? null : await closedToOthers(places.home)
  if (closed !== null && process.geteuid?.() === 0)
    notes.push(`the operating-system user of a database cannot reach the state in ${places.home}: ${closed} is closed to others; chmod o+x ${closed}`)
  return notes
}

function placeOf(store: StoreConfig): string {
  return store.type === 'directory' ? store.path : `${store.endpoint ?? 's3'}/${store.bucket}/${store.prefix}`
}

async function yamlNotes(places: Places, proven: ProvenStore): Promise<readonly string[]> {
  if (!(await isThere(places.configFile)))
    return [`muster.yaml itself is not here: everything works by the signed configuration, but nothing can be applied from here`]
  try {
    if (configHash((await loadHere(places)).config) === proven.configHash) return []
    return [`${places.configFile} gives another configuration on this machine than was applied: look at muster doctor before muster apply`]
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    return [`${places.configFile} cannot be read here: ${error.message}`]
  }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
