/** An installation of two hosts on this machine: each with its own home and keys, as on machines of their own. */
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from '@temporalio/client'
import { ageRecipientOf } from '../../adapters/crypto/age-identity.ts'
import type { ApplyResult } from '../../clients/apply.ts'
import { parseConfig } from '../../config/load.ts'
import type { Config } from '../../domain/config.ts'
import { applyHere } from '../../wiring/apply.ts'
import { makeKeys } from '../../wiring/keys.ts'
import { keyFiles, type Places } from '../../wiring/places.ts'

export interface Installation {
  readonly base: string
  /** Where `muster apply` is run, and the agent of alpha. */
  readonly alpha: Places
  /** Has its own key, the age identity and the fingerprint; no control key and no root key. */
  readonly beta: Places
  configOf(text: string): Promise<Config>
  apply(text: string, temporal?: Client | null, waitSeconds?: number): Promise<ApplyResult>
  remove(): Promise<void>
}

export async function createInstallation(): Promise<Installation> {
  const base = await mkdtemp(join(tmpdir(), 'muster-hosts-'))
  await chmod(base, 0o755)
  const placesOf = (name: string): Places => ({ configFile: join(base, 'muster.yaml'), home: join(base, name, 'home'), keys: join(base, name, 'keys') })
  const [alpha, beta] = [placesOf('alpha'), placesOf('beta')]
  for (const name of ['alpha', 'beta']) await mkdir(join(base, name), { mode: 0o755 })
  await makeKeys(alpha, 'alpha', 'beta')
  await mkdir(beta.keys, { recursive: true, mode: 0o700 })
  for (const name of [keyFiles.host('beta'), `${keyFiles.host('beta')}.pub`, keyFiles.identity, keyFiles.fingerprint])
    await copyFile(join(alpha.keys, name), join(beta.keys, name))
  for (const { home } of [alpha, beta]) await mkdir(home, { recursive: true, mode: 0o711 })
  const configOf = async (text: string) => {
    await writeFile(alpha.configFile, text)
    return parseConfig(text, 'muster.yaml', { host: 'alpha', recipients: [await ageRecipientOf(join(alpha.keys, keyFiles.identity))] }).config
  }
  return {
    base,
    alpha,
    beta,
    configOf,
    apply: async (text, temporal = null, waitSeconds = 2) => applyHere(alpha, { config: await configOf(text), temporal, waitSeconds, requestedBy: 'alice' }),
    remove: () => rm(base, { recursive: true, force: true }),
  }
}

/** A system with a tree on each host, and one store that both reach; `extra` goes below the stores. */
export function twoHosts(base: string, { every = 'daily 02:00', organisation = 'Test', extra = '' } = {}): string {
  return `
organisation: ${organisation}
sites: { primary: { hosts: [alpha, beta] } }
stores:
  shared: { type: directory, path: ${base}/stores/shared, hosts: [alpha, beta] }
${extra}
encryption: { identity: "file:${base}/alpha/keys/identity.txt", restoreHosts: [alpha, beta] }
systems:
  shop:
    components:
      uploads: { type: files, host: alpha, paths: [${base}/uploads] }
      letters: { type: files, host: beta, paths: [${base}/letters] }
    backups: [{ components: all, kind: full, every: "${every}" }]
`
}
