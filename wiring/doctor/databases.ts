/** PostgreSQL: the right server, enough rights, and settings that let its WAL be kept and its data come back. */
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { PostgresqlInstance } from '../../adapters/component/postgresql/instance.ts'
import { prepareRunDirectory } from '../../adapters/component/postgresql/instance.ts'
import { inspectServer, type ServerFacts } from '../../adapters/component/postgresql/inspect.ts'
import { findClientProgram, findServerProgram, majorOf, type ProgramName } from '../../adapters/component/postgresql/programs.ts'
import { runChecks } from '../../adapters/component/postgresql/checks.ts'
import { freeBytesAt } from '../../activities/free-bytes.ts'
import type { PostgresqlComponentConfig } from '../../domain/config.ts'
import { formatSize } from '../../domain/durations.ts'
import { MusterError } from '../../domain/failures.ts'
import { instanceOf } from '../instance.ts'
import { closedToOthers } from '../closed-to-others.ts'
import { hostDirectory } from '../places.ts'
import { examineReplication } from './replication.ts'
import type { Examined, Findings } from './findings.ts'

/** Size of each database that answered, by `system/component`. */
export async function examineDatabases(findings: Findings, examined: Examined): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>()
  for (const system of examined.systems) {
    for (const [component, found] of Object.entries(examined.config.systems[system]?.components ?? {})) {
      if (found.type !== 'postgresql') continue
      const about = `database ${system}/${component}`
      if (!examined.hosts.includes(found.host)) {
        findings.ok(about, `is on host ${found.host}; examine it there`)
        continue
      }
      const facts = await findings.look(about, () => examineDatabase(findings, examined, system, component, found), { seconds: 120 })
      if (facts) sizes.set(`${system}/${component}`, facts.dataSizeBytes)
    }
  }
  return sizes
}

async function examineDatabase(
  findings: Findings,
  examined: Examined,
  system: string,
  component: string,
  config: PostgresqlComponentConfig,
): Promise<ServerFacts | null> {
  const about = `database ${system}/${component}`
  const directory = hostDirectory(examined.places, config.host)
  await mkdir(directory, { recursive: true, mode: 0o711 })
  const instance = await instanceOf(examined.config, system, component, directory)
  await findings.look(about, () => examineScratch(instance, directory))
  await examinePlace(findings, about, config)
  const facts = await inspectServer(instance).catch((error: unknown) => {
    if (!(error instanceof MusterError)) throw error
    findings.problem(about, error.message, error.hint)
    return null
  })
  if (!facts) return null
  findings.ok(about, `PostgreSQL ${facts.serverVersionText} answers, is the server of ${facts.dataDirectory}, ${formatSize(facts.dataSizeBytes)}`)
  await examineClients(findings, about, instance, facts)
  examineRole(findings, about, config, facts)
  examineLayout(findings, examined, system, component, config, facts)
  await findings.look(about, () => examineReplication(findings, about, instance, facts, examined.applied))
  await examineChecks(findings, about, instance)
  return facts
}

/** The server's user writes its password file and staging below the state directory. */
export async function examineScratch(instance: PostgresqlInstance, directory: string): Promise<void> {
  await prepareRunDirectory(instance).catch(async (error: unknown) => {
    const closed = await closedToOthers(directory)
    if (!(error instanceof MusterError) || closed === null) throw error
    throw new MusterError(error.type, `${error.message}: ${closed} is closed to others`, {
      cause: error,
      hint: `chmod o+x ${closed}, or keep the state elsewhere: MUSTER_HOME=/var/lib/muster`,
    })
  })
}

/** What of the place of a data directory would hinder a restore. */
export async function examinePlace(findings: Findings, about: string, { dataDirectory }: PostgresqlComponentConfig): Promise<void> {
  const [here, above] = await Promise.all([stat(dataDirectory).catch(() => null), stat(dirname(dataDirectory)).catch(() => null)])
  if (here && above && here.dev !== above.dev) {
    findings.warning(
      about,
      `${dataDirectory} is itself a mount point: a restore cannot set it aside by one rename`,
      'keep the data directory one level below the mount; until then its contents are moved instead',
    )
  }
  const free = await freeBytesAt(dirname(dataDirectory)).catch(() => null)
  if (free !== null) findings.ok(about, `${formatSize(free)} free beside the data directory`)
}

const clientPrograms: readonly ProgramName[] = ['pg_basebackup', 'pg_receivewal']
const serverPrograms: readonly ProgramName[] = ['pg_ctl', 'postgres', 'pg_controldata', 'pg_waldump', 'pg_verifybackup']

async function examineClients(findings: Findings, about: string, instance: PostgresqlInstance, facts: ServerFacts): Promise<void> {
  const versions = new Set<string>()
  for (const name of clientPrograms) {
    const program = await findings.look(about, () => findClientProgram(instance, name, facts.serverVersion))
    if (program) versions.add(program.versionText.replace(/^\S+\s+\(PostgreSQL\)\s*/, ''))
  }
  for (const name of serverPrograms) await findings.look(about, () => findServerProgram(instance, name, majorOf(facts.serverVersion)))
  if (versions.size > 0) findings.ok(about, `programs of PostgreSQL ${[...versions].join(', ')}`)
}

function examineRole(findings: Findings, about: string, config: PostgresqlComponentConfig, { roleAttributes }: ServerFacts): void {
  const { user } = config.connection
  const { replication, superuser, switchWal } = roleAttributes
  if (!replication && !superuser)
    findings.problem(about, `the role ${user} may not stream: it lacks REPLICATION`, `as a superuser: alter role "${user}" replication`)
  else findings.ok(about, `the role ${user} may log in, stream and read what it needs`)
  if (superuser) findings.warning(about, `the role ${user} is a superuser, which Muster does not need`, 'use a role with LOGIN, REPLICATION and pg_monitor')
  if (!switchWal) findings.ok(about, `the role ${user} may not switch segments; the partial segment is shipped instead, which covers the same commits`)
}

function examineLayout(findings: Findings, examined: Examined, system: string, component: string, config: PostgresqlComponentConfig, facts: ServerFacts): void {
  const about = `database ${system}/${component}`
  const trees = Object.values(examined.config.systems[system]?.components ?? {}).flatMap((one) => (one.type === 'files' ? [...one.paths] : []))
  const folder = dirname(facts.configFile)
  if (facts.configOutsideDataDirectory && !trees.some((path) => `${folder}/`.startsWith(`${path}/`))) {
    findings.warning(about, `its configuration in ${folder} is not in its base backups`, `add ${folder} to the paths of a tree`)
  }
  if (
    facts.configOutsideDataDirectory &&
    config.server.control === 'pg_ctl' &&
    !config.server.options.some((option) => /^(?:--)?config[_-]file=/.test(option))
  ) {
    findings.problem(
      about,
      `pg_ctl would start it without its configuration ${facts.configFile}`,
      `write server: { control: pg_ctl, options: [-c, config_file=${facts.configFile}] }, or control: systemd`,
    )
  }
  if (!facts.pageChecksums)
    findings.warning(about, 'page checksums are off: damaged pages are backed up unnoticed', 'while it is stopped: pg_checksums --enable')
  if (facts.inRecovery)
    findings.warning(about, 'it is a standby: it follows another server', 'protect the primary, or know that its backups are those of a standby')
  if (facts.managedBy !== null)
    findings.warning(
      about,
      `${facts.managedBy} manages this server and would undo a restore in place`,
      `restore elsewhere (--into), or take it out of ${facts.managedBy} first`,
    )
  if (facts.preloadLibraries.length > 0) findings.ok(about, `preloads ${facts.preloadLibraries.join(', ')}: these must be installed wherever it is restored`)
  if (facts.subscriptions > 0)
    findings.warning(
      about,
      `it has ${facts.subscriptions} subscriptions: a restored copy must not go on replaying them`,
      'in quarantine they are held; disable them before a copy is used elsewhere',
    )
  if (facts.foreignServers.length > 0)
    findings.warning(about, `it reaches other servers (${facts.foreignServers.join(', ')})`, 'a restored copy reaches them too, once it is opened')
  if (facts.tablespaces.length > 0)
    findings.ok(about, `tablespaces at ${facts.tablespaces.map(({ path }) => path).join(', ')}: a restore puts them into new directories`)
  const inside = facts.tablespaces.find(({ path }) => path.startsWith(`${facts.dataDirectory}/`))
  if (inside)
    findings.warning(about, `the tablespace ${inside.path} lies inside the data directory`, 'move it out: alter tablespace … to a directory beside it')
  if (facts.walDirectory !== undefined) findings.ok(about, `pg_wal is a link to ${facts.walDirectory}`)
}

async function examineChecks(findings: Findings, about: string, instance: PostgresqlInstance): Promise<void> {
  const { checks } = instance.config
  if (checks.length === 0)
    return findings.warning(
      about,
      'there are no checks: a restore cannot tell whether its data is good',
      'write checks for it, such as { sql: select count(*) from …, min: 1 }',
    )
  const results = await findings.look(about, () => runChecks(instance, null, checks, { now: new Date() }), { seconds: 90 })
  for (const { name, ok, detail } of results ?? []) {
    if (ok) findings.ok(about, `check ${name}: ${detail}`)
    else
      findings.warning(
        about,
        `check ${name} does not pass on the live data: ${detail}`,
        'correct the check, or look at the data: every restore would stop at it',
      )
  }
}
