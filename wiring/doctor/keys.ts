/** Keys: there, closed to others, trusted, and able to read what they encrypt. */
import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { createAgeEncryption } from '../../adapters/crypto/age.ts'
import { fingerprint, readPublicKey } from '../../adapters/crypto/signature.ts'
import { MusterError } from '../../domain/failures.ts'
import { decryptionOf } from '../decryption.ts'
import { openedHere } from '../open/install.ts'
import { keyFiles, type Places } from '../places.ts'
import { keyListFile, localTrust, pinnedFingerprint } from '../trust.ts'
import type { Examined, Findings } from './findings.ts'

const about = 'keys'

/** What needs no configuration. */
export async function examineKeys(findings: Findings, places: Places, applied: boolean): Promise<void> {
  const facts = await stat(places.keys).catch(() => null)
  if (!facts) return findings.problem(about, `there is no key directory ${places.keys}`, 'muster init')
  if ((facts.mode & 0o077) !== 0) findings.problem(about, `${places.keys} is open to others (${mode(facts.mode)})`, `chmod 700 ${places.keys}`)
  const names = await readdir(places.keys).catch(() => [] as string[])
  const open: string[] = []
  for (const name of names.filter((one) => isPrivate(one))) {
    const file = await stat(join(places.keys, name)).catch(() => null)
    if (file && (file.mode & 0o077) !== 0) open.push(name)
  }
  for (const name of open) findings.problem(about, `${join(places.keys, name)} can be read by others`, `chmod 600 ${join(places.keys, name)}`)
  if (open.length === 0) findings.ok(about, `${places.keys} is closed to others`)
  const opened = await openedHere(places)
  if (opened && !names.includes(keyFiles.control))
    findings.warning(
      about,
      'the control key is not here: this machine was set up from a store, and works by what was applied; nothing can be applied from it',
      `put ${join(places.keys, keyFiles.control)} here from your copy when the configuration has to change`,
    )
  // Where an identity is needed here is for the look at encryption, which tries it.
  for (const name of opened ? [keyFiles.recipients] : [keyFiles.control, keyFiles.identity, keyFiles.recipients]) {
    if (!names.includes(name))
      findings.problem(about, `${join(places.keys, name)} is missing`, 'put it back from your copy; on a new installation: muster init')
  }
  await examineTrust(findings, places, names, applied)
  if (names.includes(keyFiles.root))
    findings.warning(
      about,
      'the root key is on this host: whoever takes the host can change whom this installation believes',
      `after the first apply move ${join(places.keys, keyFiles.root)} away, to where only you can read it`,
    )
}

async function examineTrust(findings: Findings, places: Places, names: readonly string[], applied: boolean): Promise<void> {
  const pinned = await findings.look(about, () => pinnedFingerprint(places))
  if (pinned === null) return
  if (names.includes(`${keyFiles.root}.pub`)) {
    const found = await findings.look(about, async () => fingerprint(await readPublicKey(join(places.keys, `${keyFiles.root}.pub`))))
    if (found !== null && found !== pinned)
      return findings.problem(
        about,
        `the root key has the fingerprint ${found}, pinned is ${pinned}`,
        'compare both with the one you wrote down, and put the right file back',
      )
  }
  findings.ok(about, `pinned root fingerprint ${pinned}`)
  if (!(await stat(keyListFile(places)).catch(() => null))) {
    return findings.later(applied, about, 'there is no signed key list on this host yet', 'muster apply')
  }
  const trust = await findings.look(about, () => localTrust(places))
  if (!trust) return
  const believed = new Set(trust.list.keys.filter(({ revokedSince }) => revokedSince === null).map(({ publicKey }) => publicKey))
  for (const name of names.filter((one) => one === `${keyFiles.control}.pub` || /^host_.+_ed25519\.pub$/.test(one))) {
    const key = await findings.look(about, () => readPublicKey(join(places.keys, name)))
    if (key !== null && !believed.has(key))
      findings.problem(about, `${name} is not in the signed key list: what it signs is believed by nobody`, 'put back the key that the list names')
  }
  findings.ok(about, `the key list names ${trust.list.keys.map(({ name }) => name).join(', ')}`)
}

/** Encrypts to the recipients and reads it back with the identity, as a restore would. */
export async function examineEncryption(findings: Findings, { config, hosts }: Examined): Promise<void> {
  const about = 'encryption'
  const { recipients, restoreHosts } = config.encryption
  if (recipients.length === 1)
    findings.warning(
      about,
      'there is one recipient: without its identity every backup is lost',
      'add an escrow recipient whose identity is kept elsewhere, then: muster apply',
    )
  else findings.ok(about, `${recipients.length} recipients; which of their identities still exist is not proven here`)
  if (!hosts.some((host) => restoreHosts.includes(host))) return findings.ok(about, `no identity is needed here; restores run on ${restoreHosts.join(', ')}`)
  findings.warning(
    about,
    `whoever takes this host reads its backups: the identity is ${config.encryption.identity}`,
    'that is so on a host that restores by itself; keep a copy of the identity elsewhere',
  )
  await findings.look(about, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'muster-doctor-'))
    try {
      const secret = randomBytes(100_000)
      const { path } = await createAgeEncryption(recipients).encryptToFile(Readable.from([secret]), join(directory, 'probe.age'))
      const { plain, done } = (await decryptionOf(config, null)).decrypt(createReadStream(path))
      const [bytes] = await Promise.all([buffer(plain), done])
      if (!bytes.equals(secret)) throw new MusterError('ChecksumMismatch', 'what was decrypted is not what was encrypted')
      findings.ok(about, 'the identity on this host reads what is encrypted to the recipients')
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })
}

/** Hosts whose private key is here; the only one there is, where the configuration has no other. */
export async function hostsHere(places: Places, configured: readonly string[]): Promise<readonly string[]> {
  if (configured.length === 1) return configured
  const names = await readdir(places.keys).catch(() => [] as string[])
  return configured.filter((host) => names.includes(keyFiles.host(host)))
}

/** @returns null where it cannot be read */
export async function localKeyList(places: Places): Promise<Buffer | null> {
  return readFile(keyListFile(places)).catch(() => null)
}

function isPrivate(name: string): boolean {
  return !name.endsWith('.pub') && name !== keyFiles.recipients && name !== keyFiles.fingerprint
}

function mode(bits: number): string {
  return (bits & 0o7777).toString(8).padStart(4, '0')
}
