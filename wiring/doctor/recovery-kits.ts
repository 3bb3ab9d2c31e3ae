/** Recovery kits: there, in every store, with the values of today, and readable with the identity on this host. */
import { join } from 'node:path'
import { ageRecipientsOf } from '../../adapters/crypto/age-identity.ts'
import { loadSigner } from '../../adapters/crypto/signature.ts'
import { createSecretResolver } from '../../adapters/secret/resolver.ts'
import { foldOfSite, type KitSource, type KitStatus, viewKits } from '../../repository/view-kits.ts'
import { kitItemText, macOf } from '../../domain/recovery-kit.ts'
import { openKit, type StoredKit, valueMac } from '../../repository/recovery-kits.ts'
import { decryptionOf } from '../decryption.ts'
import { gatherKitValues } from '../kit-values.ts'
import { keyFiles } from '../places.ts'
import { createStore } from '../stores.ts'
import { localTrust } from '../trust.ts'
import type { Examined, Findings } from './findings.ts'

const again = 'muster apply, where the keys and secrets are'

export async function examineRecoveryKits(findings: Findings, examined: Examined): Promise<void> {
  const { config, places, applied } = examined
  const trust = applied ? await localTrust(places).catch(() => null) : null
  if (!trust) return
  const secrets = createSecretResolver()
  const source: KitSource = { config, controlVerifier: trust.controlVerifier, store: async (name) => createStore(config, name, secrets) }
  for (const kit of await viewKits(source)) {
    const about = `recovery kit of ${kit.site}`
    if (kit.madeAt === null) {
      findings.problem(about, `there is none: without ${kit.site}'s keys and secrets nothing can start there when all else is gone`, again)
      continue
    }
    tell(findings, about, kit)
    const kits = await foldOfSite(source, kit.site)
    await findings.look(about, () => compareWithToday(findings, about, examined, kit.site, kits))
    await findings.look(about, () => readWithIdentity(findings, about, examined, kits))
  }
}

function tell(findings: Findings, about: string, kit: KitStatus): void {
  findings.ok(about, `made ${kit.madeAt}, in ${kit.stores.length > 0 ? kit.stores.join(', ') : 'no store'}; holds ${kit.holds.map(kitItemText).join(', ')}`)
  for (const { item, why } of kit.lacks)
    findings.warning(about, `lacks ${kitItemText(item)}: ${why}`, `${again}; or keep it where a person at ${kit.site} finds it`)
  for (const { store, problem } of kit.owed) findings.warning(about, `is not whole in store ${store}: ${problem}`, again)
}

/** Only where the control key is: nobody else can tell values from each other. */
async function compareWithToday(
  findings: Findings,
  about: string,
  { config, places }: Examined,
  site: string,
  kits: ReadonlyMap<string, StoredKit>,
): Promise<void> {
  const control = await loadSigner(join(places.keys, keyFiles.control)).catch(() => null)
  if (!control) return
  const { values } = await gatherKitValues(places, config, site)
  const changed = [...values].filter(([name, value]) => kits.has(name) && macOf(kits.get(name), name) !== valueMac(control, name, value)).map(([name]) => name)
  if (changed.length > 0) findings.warning(about, `${changed.map(kitItemText).join(', ')} changed since it was made`, again)
}

async function readWithIdentity(findings: Findings, about: string, { config, hosts }: Examined, kits: ReadonlyMap<string, StoredKit>): Promise<void> {
  if (!hosts.some((host) => config.encryption.restoreHosts.includes(host)) || kits.size === 0) return
  const file = config.encryption.identity.slice('file:'.length)
  const mine = await ageRecipientsOf(file).catch((): readonly string[] => [])
  if (![...kits.values()].some(({ recipients }) => recipients.some((one) => mine.includes(one)))) return
  const decryption = await decryptionOf(config, null)
  for (const kit of new Set(kits.values())) await openKit(decryption, kit)
  findings.ok(about, 'the identity on this host reads it')
}
