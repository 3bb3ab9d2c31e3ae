/** The recovery kit of a site, proven and decrypted; nothing of it is written here. */
import type { Decryption } from '../../adapters/crypto/crypto.ts'
import { parseSigner } from '../../adapters/crypto/signature.ts'
import { MusterError } from '../../domain/failures.ts'
import { foldKits, hostKeyItem, kitItems, kitItemText, kitRecipients } from '../../domain/recovery-kit.ts'
import { openKit, readKits, type StoredKit } from '../../repository/recovery-kits.ts'
import type { Trust } from '../../repository/trust.ts'
import type { ProvenStore } from './proven-store.ts'
import type { OpenedAs } from './which-host.ts'

export interface OpenedKit {
  /** ISO-8601 UTC; null where the store has none. */
  readonly madeAt: string | null
  readonly values: ReadonlyMap<string, Buffer>
  readonly lacks: readonly string[]
}

export const noKit: OpenedKit = { madeAt: null, values: new Map(), lacks: [] }

/**
 * Every value that the configuration names for the site, as the newest kit has it.
 * @throws MusterError SignatureInvalid | ManifestInvalid for a kit that was changed; IdentityMissing; KeyNotTrusted when it holds
 *   another key of the host than the key list names
 */
export async function openKitOf({ store, trust, config }: ProvenStore, { host, site }: OpenedAs, decryption: Decryption): Promise<OpenedKit> {
  const items = kitItems(config, site)
  const kits = (await proven(() => readKits(store, site, trust.controlVerifier))).filter(({ organisation }) => organisation === config.organisation)
  const found = foldKits(kits, items, kitRecipients(config))
  const opened = new Map<StoredKit, ReadonlyMap<string, Buffer>>()
  for (const kit of new Set(found.values())) opened.set(kit, await proven(() => openKit(decryption, kit)))
  const values = new Map<string, Buffer>()
  for (const [item, kit] of found) {
    const value = opened.get(kit)?.get(item)
    if (!value) throw new MusterError('ManifestInvalid', `the recovery kit ${kit.key} names ${kitItemText(item)} and does not have it`, { hint: withoutKit })
    values.set(item, value)
  }
  proveHostKey(trust, host, values.get(hostKeyItem(host)))
  return {
    madeAt:
      [...found.values()]
        .map(({ madeAt }) => madeAt)
        .sort()
        .at(-1) ?? null,
    values,
    lacks: items.filter((item) => !values.has(item)),
  }
}

const withoutKit = 'open another store, or give what it holds by hand: --without-kit'

async function proven<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof MusterError) || !['SignatureInvalid', 'ManifestInvalid', 'ChecksumMismatch', 'IdentityMissing'].includes(error.type)) throw error
    const hint = error.type === 'IdentityMissing' ? 'name an identity of one of the recipients of the recovery kit: --identity FILE' : withoutKit
    throw new MusterError(error.type, `the recovery kit cannot be opened: ${error.message}`, { cause: error, hint })
  }
}

/** A key that the list does not name would be believed by nobody. */
export function proveHostKey(trust: Trust, host: string, key: Buffer | undefined): void {
  if (!key) return
  const { publicKey } = parseSigner(key.toString('latin1'), `of host ${host}`)
  if (trust.list.keys.some((one) => one.role === 'host' && one.name === host && one.publicKey === publicKey && one.revokedSince === null)) return
  throw new MusterError('KeyNotTrusted', `the key of host ${host} is not the one that the key list names`, { hint: withoutKit })
}
