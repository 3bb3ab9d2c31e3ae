/** The signed configs that this host was given; which one is newest is a pointer beside them. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AppliedConfig } from '../activities/agent.ts'
import type { Verifier } from '../adapters/crypto/crypto.ts'
import { configHash } from '../config/canonical.ts'
import type { Config } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'
import { openDocument } from '../repository/signed-document.ts'
import type { Places } from './places.ts'

function folder(places: Places): string {
  return join(places.home, 'config')
}

/** @throws MusterError ConfigInvalid when none was applied; SignatureInvalid | KeyNotTrusted when it was not signed by the control key */
export async function readAppliedConfig(places: Places, verifier: Verifier, hash: string | null): Promise<AppliedConfig> {
  const wanted = hash ?? (await newestHash(places))
  if (wanted === null) throw new MusterError('ConfigInvalid', 'no configuration was applied on this host yet', { hint: 'run: muster apply' })
  const path = join(folder(places), `${wanted}.json`)
  const bytes = await readFile(path).catch(() => null)
  if (bytes === null) throw new MusterError('ConfigInvalid', `this host does not have the configuration ${wanted.slice(0, 12)}`, { hint: 'run: muster apply' })
  const { value } = openDocument<Config>(verifier, 'config', bytes, path)
  if (configHash(value) !== wanted) throw new MusterError('ConfigInvalid', `${path} holds another configuration than its name says`)
  return { config: value, hash: wanted }
}

export async function newestHash(places: Places): Promise<string | null> {
  return readFile(join(folder(places), 'newest'), 'utf8').then(
    (text) => text.trim(),
    () => null,
  )
}

export async function saveAppliedConfig(places: Places, hash: string, bytes: Uint8Array): Promise<void> {
  await mkdir(folder(places), { recursive: true, mode: 0o711 })
  await writeFile(join(folder(places), `${hash}.json`), bytes, { mode: 0o600, flush: true })
  await writeFile(join(folder(places), 'newest.tmp'), `${hash}\n`, { mode: 0o600, flush: true })
  await rename(join(folder(places), 'newest.tmp'), join(folder(places), 'newest'))
}
