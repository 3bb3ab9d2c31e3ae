/**
 * The signed configurations that this host was given. Which is the newest is said by records of the control key that lie
 * beside them under their number, create-only: the highest counts, so that nothing that comes late can take its place.
 */
import { open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Config, SignedConfig } from '../domain/config.ts'
import type { Verifier } from '../adapters/crypto/crypto.ts'
import { configHash } from '../config/canonical.ts'
import { MusterError } from '../domain/failures.ts'
import type { ControlRecord } from '../domain/repository-format.ts'
import { openDocument, parseText, sha256Hex, splitDocument } from '../repository/signed-document.ts'
import { createFile } from './create-file.ts'
import type { Places } from './places.ts'

function folder(places: Places): string {
  return join(places.home, 'config')
}

function appliedFolder(places: Places): string {
  return join(folder(places), 'applied')
}

/** What this host was given last. */
export interface AppliedHere {
  readonly configHash: string
  /** 0 where it was given before configurations had numbers. */
  readonly number: number
  /** Of the record's text; empty with number 0. */
  readonly textSha256: string
}

/** Null where nothing was ever applied here. @throws MusterError ManifestInvalid when the record is damaged */
export async function newestHere(places: Places): Promise<AppliedHere | null> {
  const names = await readdir(appliedFolder(places)).catch(() => [] as string[])
  const newest = names
    .filter((name) => /^\d{8,}\.json$/.test(name))
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
    .at(-1)
  if (newest === undefined) {
    const hash = await readFile(join(folder(places), 'newest'), 'utf8').catch(() => null)
    return hash === null ? null : { configHash: hash.trim(), number: 0, textSha256: '' }
  }
  const path = join(appliedFolder(places), newest)
  const { text } = splitDocument(await readFile(path), path)
  const { body } = parseText<ControlRecord>(text, path)
  if (body.kind !== 'config') throw new MusterError('ManifestInvalid', `${path} does not say which configuration was applied`, { hint: 'run: muster apply' })
  return { configHash: body.configHash, number: body.number, textSha256: sha256Hex(text) }
}

export async function newestHash(places: Places): Promise<string | null> {
  return (await newestHere(places))?.configHash ?? null
}

/**
 * @throws MusterError ConfigInvalid when none was applied or it is another one than its name says; ObjectMissing when
 *   this host was never given it; SignatureInvalid | KeyNotTrusted when it was not signed by the control key
 */
export async function readAppliedConfig(places: Places, verifier: Verifier, hash: string | null): Promise<SignedConfig> {
  const wanted = hash ?? (await newestHash(places))
  if (wanted === null) throw new MusterError('ConfigInvalid', 'no configuration was applied on this host yet', { hint: 'run: muster apply' })
  const path = join(folder(places), `${wanted}.json`)
  const bytes = await readFile(path).catch(() => null)
  if (bytes === null) throw new MusterError('ObjectMissing', `this host does not have the configuration ${wanted.slice(0, 12)}`, { hint: 'run: muster apply' })
  return { config: openConfig(verifier, bytes, path, wanted), hash: wanted }
}

/** @throws MusterError SignatureInvalid | KeyNotTrusted | ConfigInvalid */
export function openConfig(verifier: Verifier, bytes: Uint8Array, place: string, hash: string): Config {
  const { value } = openDocument<Config>(verifier, 'config', bytes, place)
  if (configHash(value) !== hash) throw new MusterError('ConfigInvalid', `${place} holds another configuration than its name says`)
  return value
}

/** Keeps a configuration under its hash, without saying that it is the newest. Durable on return. */
export async function keepConfig(places: Places, hash: string, bytes: Uint8Array): Promise<void> {
  const path = join(folder(places), `${hash}.json`)
  const there = await readFile(path).catch(() => null)
  if (there?.equals(bytes)) return
  if (await createFile(path, bytes, 0o600)) return flushFolder(folder(places))
  // What is there under this name is damaged, or signed by another key.
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await writeFile(temporary, bytes, { mode: 0o600, flush: true })
    await rename(temporary, path)
    await flushFolder(folder(places))
  } finally {
    await rm(temporary, { force: true })
  }
}

/** Makes a configuration that is kept already the newest. @returns false when another record has this number */
export async function keepApplied(places: Places, number: number, record: Buffer): Promise<boolean> {
  const path = join(appliedFolder(places), `${String(number).padStart(8, '0')}.json`)
  if (await createFile(path, record, 0o600)) {
    await flushFolder(appliedFolder(places))
    return true
  }
  return (await readFile(path)).equals(record)
}

async function flushFolder(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
