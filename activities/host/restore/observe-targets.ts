import { access, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Member } from '../../../adapters/component/member/member.ts'
import type { FilesComponentConfig, PostgresqlComponentConfig } from '../../../domain/config.ts'
import type { DatabaseObservation, ServiceObservation, TargetObservation, TreeObservation } from '../../../domain/target.ts'
import { type Agent, componentOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { freeBytesAt } from '../../free-bytes.ts'
import { assertPlaceElsewhere } from './place-elsewhere.ts'
import { seenStandby } from '../standby/standby-note.ts'
import { memberName, standbyName } from './places.ts'

export interface ObserveTargetsInput {
  readonly system: string
  readonly components: readonly string[]
  readonly services: readonly string[]
  readonly configHash: string
  readonly into: { readonly directory: string; readonly port: number | null } | null
}

/**
 * Looks at what a restore would change on this host.
 *
 * Effect: none.
 * Idempotent: yes, it only reads.
 * Heartbeat: each thing looked at.
 * Fails with: UnknownName, SecretMissing, CredentialsRejected; elsewhere WrongTarget, TargetRunning, PreconditionFailed.
 */
export function observeTargets(agent: Agent) {
  return async (input: ObserveTargetsInput, work: Work): Promise<readonly TargetObservation[]> => {
    const { config } = await agent.config(input.configHash)
    if (input.into && input.components.length > 0) await assertPlaceElsewhere(agent, config, input.into)
    const observations: TargetObservation[] = []
    for (const name of input.components) {
      work.progress({ phase: name, doneBytes: observations.length, totalBytes: null })
      const component = componentOf(config, input.system, name)
      const observed =
        component.type === 'postgresql' ? await observeDatabase(agent, input, name, component, config) : await observeTree(agent, input, name, component)
      observations.push(observed)
    }
    for (const service of input.services) {
      const state = await agent.service(config, input.system, service).observe(work.signal)
      observations.push({ type: 'service', service, host: agent.host, state } satisfies ServiceObservation)
    }
    return observations
  }
}

async function observeDatabase(
  agent: Agent,
  input: ObserveTargetsInput,
  component: string,
  configured: PostgresqlComponentConfig,
  config: Parameters<Agent['instance']>[0],
): Promise<DatabaseObservation> {
  const instance = await agent.instance(config, input.system, component)
  const wanted = input.into?.directory ?? configured.dataDirectory
  const member = await inspect(agent, input, wanted, component, 0)
  const facts = await agent.postgresql.inspectDataDirectory(instance, member.path).catch(() => null)
  const inPlace = input.into === null
  const running = inPlace && (await agent.postgresql.observeServer(instance)).state === 'running'
  const live = running ? await agent.postgresql.inspectServer(instance).catch(() => null) : null
  const walDirectory = inPlace ? ((await agent.postgresql.linkedWalDirectory(member.path)) ?? null) : null
  return {
    type: 'postgresql',
    component,
    directory: member.path,
    content: facts ? 'database' : await contentOf(member.path, agent),
    running,
    systemIdentifier: facts?.systemIdentifier ?? null,
    timelineId: live?.timelineId ?? facts?.timelineId ?? null,
    setAside: member.method,
    setAsideReason: member.reason,
    // Read from the directory itself: a server that is stopped has them as well.
    tablespaces: await mountFacts(agent, inPlace ? await agent.postgresql.linkedTablespaces(member.path) : []),
    walDirectory,
    wal: walDirectory === null ? null : await agent.members.inspectBeside(walDirectory, member.path),
    sizeBytes: facts ? await agent.members.sizeOf(member.path) : 0,
    freeBytes: await freeFor(agent, member),
    memberDirectory: member.workDirectory,
    managedBy: live?.managedBy ?? null,
    ...(inPlace && { standby: await seenStandby(agent, instance, standbyPlace(agent, input.system, component, member)) }),
    tailSources: inPlace ? await tailSources(agent, component, input.system, running, facts !== null, member.path) : [],
  }
}

function standbyPlace(agent: Agent, system: string, component: string, member: Member): Member {
  return agent.members.describeMember(member.path, standbyName(system, component), member.method)
}

/** What a restore may use: what is free, and what an attempt has restored there already, which the next one replaces. */
async function freeFor(agent: Agent, member: Member): Promise<number> {
  return (await freeBytesAt(member.workDirectory)) + (await agent.members.sizeOf(agent.members.asideData(member)))
}

async function inspect(agent: Agent, input: ObserveTargetsInput, wanted: string, component: string, index: number): Promise<Member> {
  const member = await agent.members.inspectMember(wanted, memberName(input.system, component, index, null))
  if (!input.into) return member
  return agent.members.describeMember(member.path, memberName(input.system, component, index, member.path), 'none')
}

async function mountFacts(agent: Agent, tablespaces: readonly { readonly oid: number; readonly path: string }[]) {
  return Promise.all(tablespaces.map(async ({ oid, path }) => ({ oid, path, mountPoint: await agent.members.isMountPoint(path).catch(() => false) })))
}

/** It replays from the repository, and no link leads to it. */
export const standbyHasNothing = 'a standby of Muster replays what the stores hold, so it has nothing later'

/** Where later WAL could still be: each source looked for, found or not. */
async function tailSources(agent: Agent, component: string, system: string, running: boolean, hasDirectory: boolean, directory: string) {
  const wal =
    hasDirectory &&
    (await readdir(join(directory, 'pg_wal')).then(
      (names) => names.length > 0,
      () => false,
    ))
  const status = await agent.postgresql.shipperRequest(agent.shipperSocket, 'status', undefined).catch(() => null)
  const instance = status?.instances.find((one) => one.system === system && one.component === component)
  const spool = instance !== undefined && instance.spoolBytes > 0
  return [
    { source: 'running server', found: running, detail: running ? 'it will be stopped and its WAL saved' : 'no server runs on the data directory' },
    { source: 'pg_wal', found: wal, detail: wal ? `${directory}/pg_wal` : `${directory} holds no WAL` },
    { source: 'spool', found: spool, detail: spool ? `received to ${instance.receivedLsn ?? 'unknown'}` : 'the WAL shipper has nothing received' },
    { source: 'standby', found: false, detail: standbyHasNothing },
  ]
}

async function observeTree(agent: Agent, input: ObserveTargetsInput, component: string, configured: FilesComponentConfig): Promise<TreeObservation> {
  const members = await Promise.all(
    configured.paths.map(async (path, index) => {
      const wanted = input.into ? (configured.paths.length === 1 ? input.into.directory : join(input.into.directory, String(index))) : path
      const member = await inspect(agent, input, wanted, component, index)
      return {
        path: member.path,
        content: await contentOf(member.path, agent),
        setAside: member.method,
        sizeBytes: await agent.members.sizeOf(member.path),
        freeBytes: await freeFor(agent, member),
      }
    }),
  )
  return { type: 'files', component, members: members.map((one) => ({ ...one, content: one.content === 'other' ? ('tree' as const) : one.content })) }
}

async function contentOf(path: string, _agent: Agent): Promise<'absent' | 'empty' | 'other'> {
  if (
    !(await access(path).then(
      () => true,
      () => false,
    ))
  )
    return 'absent'
  const names = await readdir(path).catch(() => ['?'])
  return names.filter((name) => !name.startsWith('pgsql_tmp.muster-') && name !== 'lost+found').length === 0 ? 'empty' : 'other'
}
