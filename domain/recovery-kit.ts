/**
 * The recovery kit of a site: what a host there needs besides an identity, the root fingerprint and one store. Each item has
 * a name; its value is a secret and lies encrypted in the store.
 */
import type { Config, DnsRecordConfig, SecretReference, StoreConfig } from './config.ts'
import { contactSecrets, contactsOf } from './contacts.ts'
import { siteOfHost } from './copies.ts'
import { placedAt } from './placement.ts'

/** muster.yaml as it was written; what was applied can be changed only from there. */
export const configItem = 'muster.yaml'

/** The private key with which a host signs. */
export function hostKeyItem(host: string): string {
  return `key:${host}`
}

/** A document of a kit, as it is signed. What it holds is found with the newest document that has it. */
export interface RecoveryKit {
  readonly format: 'muster-recovery-kit-1'
  readonly organisation: string
  readonly site: string
  readonly madeAt: string
  readonly configHash: string
  /** Age recipients, sorted. */
  readonly recipients: readonly string[]
  readonly items: readonly KitItem[]
  /** An age file in base64; it decrypts to `KitValues`. */
  readonly sealed: string
}

export interface KitItem {
  readonly name: string
  /** Tells whether a value has changed; only who has the control key can compute it. */
  readonly mac: string
}

export interface KitValues {
  readonly format: 'muster-recovery-kit-values-1'
  /** Name → base64. */
  readonly values: Readonly<Record<string, string>>
}

/** Sites that have a kit: those that systems fail over to, and those that are named. */
export function kitSites(config: Config): readonly string[] {
  const targets = Object.values(config.systems).flatMap(({ failover }) => (failover ? [failover.to] : []))
  return [...new Set([...(config.recoveryKit?.sites ?? []), ...targets])].sort()
}

export function kitRecipients(config: Config): readonly string[] {
  return [...new Set(config.recoveryKit?.recipients ?? config.encryption.recipients)].sort()
}

/** Names of all that the kit of a site should hold, sorted. */
export function kitItems(config: Config, site: string): readonly string[] {
  const hosts = config.sites[site]?.hosts ?? []
  return [...new Set([configItem, ...hosts.map(hostKeyItem), ...secretsAt(config, site)])].sort()
}

/** Every secret reference that agents of a site resolve, as far as the systems can be there. */
function secretsAt(config: Config, site: string): readonly SecretReference[] {
  const hosts = config.sites[site]?.hosts ?? []
  const here = Object.values(placedAt(config, site).systems).filter(({ components }) =>
    Object.values(components).some(({ host }) => siteOfHost(config, host) === site),
  )
  const { email, slack } = config.notifications
  const found = [
    ...Object.values(config.stores).flatMap((store) => (store.hosts.some((host) => hosts.includes(host)) ? storeSecrets(store) : [])),
    ...here.flatMap(({ components }) => Object.values(components).flatMap((one) => (one.type === 'postgresql' ? [one.connection.password] : []))),
    ...here.flatMap(({ dns }) => (dns ?? []).map(recordSecret)),
    ...here.flatMap(({ breach }) => (breach?.rotate.roles ?? []).map(({ password }) => password)),
    email?.smtp.password,
    slack?.webhook,
    ...[undefined, ...Object.keys(config.systems)].flatMap((system) => contactsOf(config, system)).flatMap(contactSecrets),
    ...(config.recoveryKit?.secrets ?? []),
  ]
  return found.filter((one): one is SecretReference => one !== undefined)
}

function storeSecrets(store: StoreConfig): readonly SecretReference[] {
  return store.type === 's3' ? [store.credentials.read, store.credentials.write] : []
}

function recordSecret(record: DnsRecordConfig): SecretReference | undefined {
  if (record.provider === 'route53') return record.credentials
  return record.provider === 'rfc2136' ? record.key.secret : undefined
}

/**
 * Which document supplies each item: the newest that has it for the recipients of today.
 * @param kits oldest first
 */
export function foldKits<T extends RecoveryKit>(kits: readonly T[], items: readonly string[], recipients: readonly string[]): ReadonlyMap<string, T> {
  const found = new Map<string, T>()
  for (const kit of kits) {
    if (!sameTexts(kit.recipients, recipients)) continue
    for (const { name } of kit.items) if (items.includes(name)) found.set(name, kit)
  }
  return found
}

export function macOf(kit: RecoveryKit | undefined, name: string): string | null {
  return kit?.items.find((item) => item.name === name)?.mac ?? null
}

function sameTexts(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && [...one].sort().every((text, index) => text === [...other].sort()[index])
}

/** `key of host dr1`, `file:/etc/muster/tsig`: for people. */
export function kitItemText(name: string): string {
  if (name.startsWith('key:')) return `the key of host ${name.slice('key:'.length)}`
  return name
}
