/** Takes a configuration into this host's folder, if the keys that a person pinned here say so. */
import type { AppliedNumber, KeyList } from '../domain/repository-format.ts'
import { MusterError } from '../domain/failures.ts'
import { openApplied } from '../repository/applied-records.ts'
import type { ConfigDocuments } from '../repository/config-documents.ts'
import { sha256Hex, splitDocument } from '../repository/signed-document.ts'
import { type KeyDocument, openKeyChain, trustOf } from '../repository/trust.ts'
import { keepApplied, keepConfig, newestHere, openConfig, readAppliedConfig } from './applied-config.ts'
import { createFile } from './create-file.ts'
import type { Places } from './places.ts'
import { keyListFile, localKeyDocuments, pinnedFingerprint, trustTools } from './trust.ts'

export interface TakenConfig extends AppliedNumber {
  /** False when this host had it already. */
  readonly isNew: boolean
}

/**
 * Idempotent, also when two processes take the same at once, and durable on return.
 * @throws MusterError KeyNotTrusted | SignatureInvalid | ManifestInvalid | ConfigInvalid for what the pinned root key does not
 *   stand behind; PreconditionFailed for a configuration that is older than what this host has; DiskFull
 */
export async function takeConfig(places: Places, documents: ConfigDocuments): Promise<TakenConfig> {
  const keyLists = await provenKeyLists(places, documents.keyLists)
  const list = keyLists.list
  const { verifier, controlVerifier } = trustOf(list, trustTools)
  const applied = openApplied(controlVerifier, documents.applied, 'record of the applied configuration')
  const config = openConfig(verifier, documents.config, `configuration ${applied.configHash.slice(0, 12)}`, applied.configHash)
  if (config.organisation !== applied.organisation) {
    throw new MusterError('KeyNotTrusted', `the configuration is of "${config.organisation}", the record of "${applied.organisation}"`)
  }
  await refuseOtherOrganisation(places, verifier, config.organisation)
  const isNew = await refuseOlder(places, applied, documents.applied)
  for (const { sequence, bytes } of keyLists.added) await createFile(keyListFile(places, sequence), bytes, 0o644)
  await keepConfig(places, applied.configHash, documents.config)
  if (!(await keepApplied(places, applied.number, documents.applied))) throw fork(applied.number)
  return { configHash: applied.configHash, number: applied.number, isNew }
}

/** Keys come first: what is given must be the chain that is here, or go on from it. */
async function provenKeyLists(
  places: Places,
  given: readonly Buffer[],
): Promise<{ readonly list: KeyList; readonly added: readonly { readonly sequence: number; readonly bytes: Uint8Array }[] }> {
  const pinned = await pinnedFingerprint(places)
  const mine = await localKeyDocuments(places)
  const theirs = given.map((bytes, index): KeyDocument => ({ place: `key list ${index + 1}`, bytes }))
  const here = openKeyChain(mine, pinned, trustTools)
  const there = openKeyChain(theirs, pinned, trustTools)
  const shared = Math.min(here.hashes.length, there.hashes.length)
  const different = here.hashes.slice(0, shared).findIndex((hash, index) => hash !== there.hashes[index])
  if (different >= 0) {
    throw new MusterError('KeyNotTrusted', `key list ${different + 1} is not the one that this host has`, {
      hint: 'both were signed by the root key: find out who used it, and which of the lists is yours',
    })
  }
  const list = (here.lists.length >= there.lists.length ? here : there).lists.at(-1)
  if (!list) throw new MusterError('KeyNotTrusted', 'the configuration came without a key list, and this host has none')
  return { list, added: theirs.slice(shared).map(({ bytes }, index) => ({ sequence: shared + index + 1, bytes })) }
}

/** One home belongs to one installation: another organisation of the same root key does not take it over. */
async function refuseOtherOrganisation(places: Places, verifier: Parameters<typeof readAppliedConfig>[1], organisation: string): Promise<void> {
  const mine = await readAppliedConfig(places, verifier, null).catch(() => null)
  if (mine && mine.config.organisation !== organisation) {
    throw new MusterError('WrongTarget', `this host works for "${mine.config.organisation}"; the configuration is of "${organisation}"`, {
      hint: 'use another MUSTER_HOME for another installation',
    })
  }
}

/** @returns whether it is newer than what is here */
async function refuseOlder(places: Places, applied: AppliedNumber, record: Buffer): Promise<boolean> {
  const here = await newestHere(places)
  if (here === null || applied.number > here.number) return true
  if (applied.number < here.number) {
    throw new MusterError(
      'PreconditionFailed',
      `this host has configuration ${here.configHash.slice(0, 12)}, applied as number ${here.number}; ${applied.configHash.slice(0, 12)}, number ${applied.number}, is older`,
      { hint: 'to go back to an older muster.yaml, apply it again: it gets a new number' },
    )
  }
  if (here.textSha256 !== sha256Hex(splitDocument(record, 'record of the applied configuration').text)) throw fork(applied.number)
  return false
}

function fork(number: number): MusterError {
  return new MusterError('PreconditionFailed', `two configurations were applied as number ${number}, by two that did not see each other's stores`, {
    hint: 'look which one is meant, and run: muster apply',
  })
}
