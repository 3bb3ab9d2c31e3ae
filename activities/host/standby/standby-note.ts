/** Where the standby of a database stands on its host, and what it says of itself. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Member } from '../../../adapters/component/member/member.ts'
import type { PostgresqlDecision } from '../../../domain/decision.ts'
import { directoriesOf, parseStandby, type Standby } from '../../../domain/standby.ts'
import type { Agent } from '../../agent.ts'
import { databaseMember, walDirectory } from '../restore/places.ts'
import type { DatabaseStep } from '../restore/types.ts'
import { isSoundCopy } from './sound-copy.ts'

/** The standby has a work directory of its own beside the data directory, so that taking it over is a rename. */
export function standbyMember(agent: Agent, system: string, decision: PostgresqlDecision): Member {
  return databaseMember(agent, { system, mode: 'standby', decision })
}

/** What the steps that keep a standby are told: a restore that is never put in its place. */
export function standbyStep(system: string, configHash: string, decision: PostgresqlDecision, seed: string): DatabaseStep {
  return {
    system,
    component: decision.component,
    configHash,
    run: `standby:${seed}`,
    target: { kind: 'latest' },
    mode: 'standby',
    identityFile: null,
    decision,
  }
}

type Place = Pick<Member, 'workDirectory'>

function noteOf({ workDirectory }: Place): string {
  return join(workDirectory, 'standby.json')
}

/** Null where there is none that can be read: no failover waits for one. */
export async function readStandby(place: Place): Promise<Standby | null> {
  const text = await readFile(noteOf(place), 'utf8').catch(() => null)
  return text === null ? null : parseStandby(text)
}

export async function writeStandby(place: Place, standby: Standby): Promise<void> {
  await mkdir(place.workDirectory, { recursive: true, mode: 0o711 })
  const path = noteOf(place)
  await writeFile(`${path}.new`, JSON.stringify(standby), { mode: 0o600, flush: true })
  await rename(`${path}.new`, path)
}

export async function forgetStandby(place: Place): Promise<void> {
  await rm(noteOf(place), { force: true })
}

/** What is there to be taken over: a note without a copy that can go on is none. */
export async function seenStandby(agent: Agent, instance: Awaited<ReturnType<Agent['instance']>>, place: Place): Promise<Standby | null> {
  const standby = await readStandby(place)
  if (standby === null || standby.state !== 'ready') return standby
  const own = [...standby.tablespaces.map(({ into }) => into), ...(standby.walInto === null ? [] : [standby.walInto])]
  return (await isSoundCopy(agent, instance, agent.members.asideData(place), own)) ? standby : null
}

/**
 * Removes the directories that a former standby has outside its data directory, unless the data in service uses them. Those of
 * one that was taken over are not the standby's any more: a failover may still hold them, or a safety set. Idempotent.
 */
export async function removeDirectoriesOf(agent: Agent, former: Standby, dataDirectory: string): Promise<void> {
  if (former.state === 'adopted') return
  const wal = await agent.postgresql.linkedWalDirectory(dataDirectory)
  const used = [...(await agent.postgresql.linkedTablespaces(dataDirectory)).map(({ path }) => path), wal]
  for (const directory of directoriesOf(former)) {
    if (!used.includes(directory)) await rm(directory, { recursive: true, force: true })
  }
}

/** A run that restores a backup where it had taken a standby has none to give back, and none of its WAL to go on with. Idempotent. */
export async function disownStandby(agent: Agent, step: DatabaseStep): Promise<void> {
  if (step.mode === 'standby' || step.decision.standby === undefined) return
  const home = standbyMember(agent, step.system, step.decision)
  const standby = await readStandby(home)
  if (standby?.seed !== step.decision.standby.seed || standby.adoptedBy !== step.run) return
  await forgetStandby(home)
  await rm(walDirectory(databaseMember(agent, step)), { recursive: true, force: true })
}
