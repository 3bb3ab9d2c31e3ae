/** `muster init`: keys, a muster.yaml that works on this machine, and what a person still has to do. */
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { randomBytes } from 'node:crypto'
import type { InitResult } from '../clients/cli/desk.ts'
import { parseConfig } from '../config/load.ts'
import { keyDirectory } from '../config/normalise.ts'
import { type FoundDatabase, initialConfig } from '../config/template.ts'
import { MusterError } from '../domain/failures.ts'
import { createFile } from './create-file.ts'
import { type FoundServer, findServers } from './find-postgresql.ts'
import { type MadeKeys, makeKeys } from './keys.ts'
import { loadHere } from './load-here.ts'
import { hostDirectory, keyFiles, type Places } from './places.ts'
import { closedToOthers } from './closed-to-others.ts'

export interface InitOptions {
  readonly organisation: string
  readonly system: string
  /** Path of the first store; one that fits this user where null. */
  readonly store: string | null
  /** Trees to protect. */
  readonly paths: readonly string[]
  /** Writes muster.yaml anew; the old one is kept beside it. */
  readonly force: boolean
  /** Protect the PostgreSQL server of this data directory, where several are found. */
  readonly dataDirectory?: string | null
}

const role = 'muster'
const passwordFile = 'postgresql.password'
const roleFile = 'postgresql-role.sql'

/**
 * Idempotent: what is there is kept, and said. Keys come first, so that a second call goes on where the first broke off.
 * @throws MusterError InvalidInput when there is nothing to protect; KeyNotTrusted | PreconditionFailed
 */
export async function initialise(places: Places, options: InitOptions): Promise<InitResult> {
  const existing = !options.force && (await isThere(places.configFile))
  const hosts = existing ? await hostsOf(places) : ['localhost']
  // Looked for before anything is made: where there is nothing to protect, nothing is changed.
  const found = existing ? null : await chooseServer(options.dataDirectory ?? null)
  const text = existing ? null : (keys: MadeKeys | null) => configText(places, options, found?.server ?? null, keys)
  text?.(null)
  const keys = await makeKeys(places, ...hosts)
  await makeState(places, hosts)
  const created: string[] = [...keys.created]
  const notes: string[] = []
  if (text) {
    const server = found?.server ?? null
    if (server) created.push(...(await makeRoleFiles(places)))
    created.push(await writeConfig(places, text(keys), options.force, notes))
    notes.push(...databaseNotes(places, found))
    if (server && process.geteuid?.() === 0) notes.push(...(await homeNotes(places)))
  } else {
    notes.push(`${places.configFile} was there already and is unchanged; --force writes a new one and keeps the old one beside it`)
  }
  if (keys.kept.length > 0) notes.push(`kept, never overwritten: ${keys.kept.join(', ')}`)
  return {
    configFile: places.configFile,
    created,
    rootFingerprint: keys.rootFingerprint,
    recipients: keys.recipients,
    notes: [...notes, ...keyNotes(places, keys, hosts)],
  }
}

/** Other operating-system users pass through the state to what is theirs in it, and see no names. */
async function makeState(places: Places, hosts: readonly string[]): Promise<void> {
  for (const host of hosts) await mkdir(join(hostDirectory(places, host), 'run'), { recursive: true, mode: 0o711 })
}

async function hostsOf(places: Places): Promise<readonly string[]> {
  // The keys may be what is missing: any recipient will do to read the names of the hosts.
  const { config } = await loadHere(places, { recipientsWhereNone: ['made later'] })
  return Object.values(config.sites).flatMap(({ hosts }) => [...hosts])
}

async function chooseServer(dataDirectory: string | null): Promise<{ readonly server: FoundServer | null; readonly others: readonly FoundServer[] }> {
  const servers = await findServers()
  if (dataDirectory === null) return { server: servers[0] ?? null, others: servers.slice(1) }
  const wanted = resolve(dataDirectory)
  const server = servers.find((one) => one.dataDirectory === wanted)
  if (!server) {
    throw new MusterError('UnknownName', `no PostgreSQL server with the data directory ${wanted} was found`, {
      hint: servers.length > 0 ? `found: ${servers.map((one) => one.dataDirectory).join(', ')}` : 'start the server, then run muster init again',
    })
  }
  return { server, others: [] }
}

function configText(places: Places, options: InitOptions, server: FoundServer | null, keys: MadeKeys | null): string {
  // Only where the keys are not where they are looked for by themselves.
  const elsewhere = places.keys !== keyDirectory(homedir())
  const text = initialConfig({
    organisation: options.organisation,
    system: options.system,
    storePath: resolve(options.store ?? defaultStore()),
    ...(elsewhere && keys && { recipients: keys.recipients }),
    ...(elsewhere && { identity: `file:${join(places.keys, keyFiles.identity)}` }),
    ...(server && { database: databaseOf(places, server) }),
    paths: options.paths.map((path) => resolve(path)),
  })
  if (keys) parseConfig(text, 'muster.yaml', { recipients: keys.recipients })
  return text
}

function defaultStore(): string {
  return process.geteuid?.() === 0 ? '/var/lib/muster/store' : join(homedir(), '.local', 'share', 'muster', 'store')
}

function databaseOf(places: Places, server: FoundServer): FoundDatabase {
  const standardBin = server.versionText === null ? null : `/usr/lib/postgresql/${server.versionText.replace(/\D+/, '')}/bin`
  // Over loopback with a password, whoever the operating-system user is; by the socket where there is no listener.
  const host = server.listens === false && server.socketDirectory !== null ? server.socketDirectory : '127.0.0.1'
  return {
    dataDirectory: server.dataDirectory,
    connection: { host, port: server.port, user: role, password: `file:${join(places.keys, passwordFile)}` },
    ...(server.binDirectory !== null && server.binDirectory !== standardBin && { binDirectory: server.binDirectory }),
    ...(process.geteuid?.() === 0 && server.user !== null && server.user !== 'root' && { runAs: server.user }),
    ...(server.unit !== null
      ? { server: { control: 'systemd' as const, unit: server.unit } }
      : server.configFile !== null
        ? { server: { control: 'pg_ctl' as const, options: ['-c', `config_file=${server.configFile}`] } }
        : {}),
    ...(server.versionText !== null && { versionText: server.versionText }),
  }
}

/** The password is made here and is in two files of this user only; nothing prints it. */
async function makeRoleFiles(places: Places): Promise<readonly string[]> {
  const password = join(places.keys, passwordFile)
  const sql = join(places.keys, roleFile)
  if (await isThere(password)) return []
  const secret = randomBytes(24).toString('base64url')
  // The password last: where it is, its SQL is as well.
  await rm(sql, { force: true })
  await createFile(sql, `${roleSql(`login replication password '${secret}'`).join('\n')}\n`, 0o600)
  await createFile(password, `${secret}\n`, 0o600)
  return [password, sql]
}

/** The rights that backups, WAL streaming and the health of both need, and no more. */
export function roleSql(attributes = 'login replication'): readonly string[] {
  return [`create role ${role} ${attributes};`, `grant pg_monitor to ${role};`, `grant execute on function pg_switch_wal() to ${role};`]
}

async function writeConfig(places: Places, text: string, force: boolean, notes: string[]): Promise<string> {
  await mkdir(dirname(places.configFile), { recursive: true })
  if (force && (await isThere(places.configFile))) {
    const kept = `${places.configFile}.${new Date().toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`
    await rename(places.configFile, kept)
    notes.push(`the old configuration is kept in ${kept}`)
  }
  await createFile(places.configFile, text, 0o644)
  return places.configFile
}

function databaseNotes(places: Places, found: { readonly server: FoundServer | null; readonly others: readonly FoundServer[] } | null): readonly string[] {
  if (!found?.server) return ['no PostgreSQL server was found: only the named directories are protected']
  const { server, others } = found
  const asServer = process.geteuid?.() === 0 ? `runuser -u ${server.user ?? 'postgres'} -- ` : ''
  const where = server.socketDirectory === null ? '' : ` -h ${server.socketDirectory}`
  return [
    `PostgreSQL at ${server.dataDirectory}, port ${server.port}${server.running ? '' : ', not running now'}`,
    'the server needs a role for Muster, with these rights and no others:',
    ...roleSql("login replication password '…'").map((line) => `    ${line}`),
    `  they are in ${join(places.keys, roleFile)} with a password that was made for it; as a superuser run:`,
    `    ${asServer}psql${where} -p ${server.port} -d postgres < ${join(places.keys, roleFile)}`,
    ...others.map((one) => `another server is not protected: ${one.dataDirectory}, port ${one.port}; choose it with --data-directory ${one.dataDirectory}`),
  ]
}

async function homeNotes(places: Places): Promise<readonly string[]> {
  const closed = await closedToOthers(places.home)
  if (closed === null) return []
  return [
    `the operating-system user of PostgreSQL cannot reach the state in ${places.home}: ${closed} is closed to others; run Muster with MUSTER_HOME=/var/lib/muster, or: chmod o+x ${closed}`,
  ]
}

function keyNotes(places: Places, keys: MadeKeys, hosts: readonly string[]): readonly string[] {
  const at = (name: string) => join(places.keys, name)
  return [
    'write down the root fingerprint, away from this machine: it is how a person knows that a store is yours',
    `whoever takes this host reads its backups: the identity is in ${at(keyFiles.identity)}`,
    ...(keys.rootKeyHere
      ? [`move the root key away after the first apply: ${at(keyFiles.root)}; it is needed only to change whom this installation believes`]
      : []),
    `no escrow copy is proven yet: add a public key whose identity is kept elsewhere to ${places.keys === keyDirectory(homedir()) ? at(keyFiles.recipients) : 'encryption.recipients in muster.yaml'}, and keep a copy of the identity off this machine`,
    'one copy on this machine survives mistakes, not the loss of its disk: add a store elsewhere',
    ...(hosts.length > 1
      ? [`each host needs its own key only: copy ${hosts.map((host) => keyFiles.host(host)).join(', ')} to its host and take it off this one`]
      : []),
  ]
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
