/** Where the standby of a database stands on its host, and what it says of itself. */
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Member } from '../../../adapters/component/member/member.ts'
import type { PostgresqlDecision } from '../../../domain/decision.ts'
import { directoriesOf, type Standby } from '../../../domain/standby.ts'
import type { Agent } from '../../agent.ts'
import { databaseMember } from '../restore/places.ts'
import type { DatabaseStep } from '../restore/types.ts'

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

/** Null where there is none. */
export async function readStandby(place: Place): Promise<Standby | null> {
  const text = await readFile(noteOf(place), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw error
  })
  return text === null ? null : (JSON.parse(text) as Standby)
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

/** What is there to be taken over: a note without its data is none. */
export async function seenStandby(agent: Agent, place: Place): Promise<Standby | null> {
  const standby = await readStandby(place)
  if (standby === null || standby.state !== 'ready') return standby
  const there = await access(join(agent.members.asideData(place), 'PG_VERSION')).then(
    () => true,
    () => false,
  )
  return there ? standby : null
}

/** Removes the directories that a former standby has outside its data directory, unless the data in service uses them. Idempotent. */
export async function removeDirectoriesOf(agent: Agent, former: Standby, dataDirectory: string): Promise<void> {
  const wal = await agent.postgresql.linkedWalDirectory(dataDirectory)
  const used = [...(await agent.postgresql.linkedTablespaces(dataDirectory)).map(({ path }) => path), wal]
  for (const directory of directoriesOf(former)) {
    if (!used.includes(directory)) await rm(directory, { recursive: true, force: true })
  }
}
