/** What opening a repository writes on this machine: planned as a whole, refused as a whole, and never over anything. */
import { access, constants, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseSigner } from '../../adapters/crypto/signature.ts'
import { MusterError } from '../../domain/failures.ts'
import { configItem, hostKeyItem } from '../../domain/recovery-kit.ts'
import { newestHere } from '../applied-config.ts'
import { createFile } from '../create-file.ts'
import { kitEnvironmentFile } from '../kit-environment.ts'
import { hostDirectory, keyFiles, type Places } from '../places.ts'
import { takeConfig } from '../take-config.ts'
import { proveHostKey, type OpenedKit } from './opened-kit.ts'
import type { ProvenStore } from './proven-store.ts'
import type { OpenedAs } from './which-host.ts'

export interface Installing extends OpenedAs {
  readonly proven: ProvenStore
  readonly kit: OpenedKit
  readonly rootFingerprint: string
  readonly identityFile: string
  readonly at: string
}

interface PlannedFile {
  readonly path: string
  readonly content: Buffer
  readonly mode: number
  /** Whether another content that is there already stops everything, or counts. */
  readonly ifOther: 'refuse' | 'keep'
}

export interface PlannedInstall {
  readonly write: readonly PlannedFile[]
  /** There already, with other content: these count. */
  readonly kept: readonly string[]
}

/**
 * Changes nothing.
 * @throws MusterError PreconditionFailed naming what is there already and is something else; KeyNotTrusted
 */
export async function planInstall(places: Places, installing: Installing): Promise<PlannedInstall> {
  await refuseOtherConfiguration(places, installing.proven)
  const write: PlannedFile[] = []
  const kept: string[] = []
  const refused: string[] = []
  for (const file of await filesOf(places, installing)) {
    const there = await contentOf(file.path)
    if (there === null) write.push(file)
    else if (!there.equals(file.content)) (file.ifOther === 'keep' ? kept : refused).push(file.path)
  }
  if (refused.length > 0) {
    throw new MusterError('PreconditionFailed', `this machine has other content already in ${refused.join(', ')}; nothing was written`, {
      hint: 'open it with an empty MUSTER_HOME, MUSTER_KEYS and --config; or move these files away, if this machine does nothing else',
    })
  }
  await proveKeyHere(places, installing)
  for (const path of [...write.map((file) => file.path), openedFile(places)]) await refuseUnwritable(path)
  return { write, kept }
}

/** A host that has a configuration goes on from it by itself; opening is for one that has none, or that broke off here. */
async function refuseOtherConfiguration(places: Places, { configHash, number, store }: ProvenStore): Promise<void> {
  const here = await newestHere(places)
  if (here === null || (here.configHash === configHash && here.number === number)) return
  throw new MusterError(
    'PreconditionFailed',
    `${places.home} has a configuration already (${here.configHash.slice(0, 12)}, number ${here.number}); store "${store.name}" has ${configHash.slice(0, 12)}, number ${number}; nothing was written`,
    { hint: 'an agent takes a newer one by itself when it starts: muster worker; to begin anew use another MUSTER_HOME' },
  )
}

/** Where the host's key came by hand. */
async function proveKeyHere(places: Places, { proven, kit, host }: Installing): Promise<void> {
  if (kit.values.has(hostKeyItem(host))) return
  proveHostKey(proven.trust, host, (await contentOf(join(places.keys, keyFiles.host(host)))) ?? undefined)
}

async function filesOf(places: Places, { proven, kit, host, rootFingerprint, identityFile }: Installing): Promise<readonly PlannedFile[]> {
  const { config } = proven
  const files: PlannedFile[] = [
    { path: join(places.keys, keyFiles.fingerprint), content: Buffer.from(`${rootFingerprint}\n`), mode: 0o600, ifOther: 'refuse' },
    { path: join(places.keys, keyFiles.recipients), content: Buffer.from(`${config.encryption.recipients.join('\n')}\n`), mode: 0o600, ifOther: 'keep' },
  ]
  const key = kit.values.get(hostKeyItem(host))
  if (key) {
    const path = join(places.keys, keyFiles.host(host))
    const { publicKey } = parseSigner(key.toString('latin1'), path)
    files.push({ path: `${path}.pub`, content: Buffer.from(`${publicKey} muster host ${host}\n`), mode: 0o644, ifOther: 'keep' })
    files.push({ path, content: key, mode: 0o600, ifOther: 'refuse' })
  }
  if (config.encryption.restoreHosts.includes(host) && config.encryption.identity.startsWith('file:'))
    files.push({ path: config.encryption.identity.slice('file:'.length), content: await readFile(identityFile), mode: 0o600, ifOther: 'keep' })
  const environment: Record<string, string> = {}
  for (const [item, value] of kit.values) {
    if (item.startsWith('file:')) files.push({ path: item.slice('file:'.length), content: value, mode: 0o600, ifOther: 'keep' })
    if (item.startsWith('env:')) environment[item.slice('env:'.length)] = value.toString('utf8')
  }
  if (Object.keys(environment).length > 0)
    files.push({ path: kitEnvironmentFile(places), content: Buffer.from(`${JSON.stringify(environment, null, 2)}\n`), mode: 0o600, ifOther: 'keep' })
  const written = kit.values.get(configItem)
  if (written) files.push({ path: places.configFile, content: written, mode: 0o644, ifOther: 'refuse' })
  return files
}

/** Null where it is not there or empty. @throws MusterError PreconditionFailed */
async function contentOf(path: string): Promise<Buffer | null> {
  try {
    const bytes = await readFile(path)
    return bytes.length > 0 ? bytes : null
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw new MusterError('PreconditionFailed', `${path} cannot be read (${code})`, { cause, hint: 'run as the user that is to run the agent here' })
  }
}

/** The nearest directory above that is there must take it: better known before the first file than after the fifth. */
async function refuseUnwritable(path: string): Promise<void> {
  for (let at = dirname(path); ; at = dirname(at)) {
    const facts = await stat(at).catch((error: NodeJS.ErrnoException) => (error.code === 'ENOTDIR' ? 'ENOTDIR' : null))
    if (facts === null) continue
    const problem =
      facts === 'ENOTDIR' || !facts.isDirectory()
        ? 'is no directory'
        : await access(at, constants.W_OK | constants.X_OK).then(
            () => null,
            ({ code }: NodeJS.ErrnoException) => `cannot be written (${code})`,
          )
    if (problem === null) return
    if (facts === 'ENOTDIR') continue
    throw new MusterError('PreconditionFailed', `${path} cannot be made: ${at} ${problem}; nothing was written`, {
      hint: 'run as the user that is to run the agent here, and make room for it',
    })
  }
}

/** Idempotent: called again after it broke off, it writes what is missing. The configuration comes last, when all that it needs is there. */
export async function install(places: Places, { write }: PlannedInstall, installing: Installing): Promise<void> {
  const { proven, host, site, at } = installing
  // Only the keys are closed: the owner of a database passes through what lies above them to the state.
  await mkdir(dirname(places.keys), { recursive: true, mode: 0o711 })
  await mkdir(places.keys, { recursive: true, mode: 0o700 })
  await mkdir(join(hostDirectory(places, host), 'run'), { recursive: true, mode: 0o711 })
  for (const { path, content, mode } of write) await createFile(path, content, mode)
  await takeConfig(places, proven.documents)
  const opened: Opened = { format: 'muster-opened-1', at, store: proven.store.name, host, site, configHash: proven.configHash, number: proven.number }
  await writeFile(openedFile(places), `${JSON.stringify(opened, null, 2)}\n`, { mode: 0o600, flush: true })
}

/** What a machine that was set up from a store says about itself. */
export interface Opened extends OpenedAs {
  readonly format: 'muster-opened-1'
  readonly at: string
  readonly store: string
  readonly configHash: string
  readonly number: number
}

function openedFile(places: Places): string {
  return join(places.home, 'opened.json')
}

/** Null on a machine that was set up in another way. */
export async function openedHere(places: Places): Promise<Opened | null> {
  const bytes = await contentOf(openedFile(places))
  return bytes === null ? null : (JSON.parse(bytes.toString('utf8')) as Opened)
}
