/** Gives a system data that a restore brings back, and newer data on top that has to be found afterwards. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Expected } from './after-restore.ts'
import type { Lane } from './lane.ts'
import { dropSafetySets } from './looks.ts'

export interface Spoilt {
  readonly mark: string
  /** Committed before the moment that is aimed at, and after it. */
  readonly kept: number
  readonly later: number
  /** Between the two. */
  readonly moment: string
}

/** @param fails the check of the restored database, once it is in place */
export async function spoil(lane: Lane, fails: boolean): Promise<Spoilt> {
  const { cluster } = lane.faults
  const [kept, later] = [lane.next(), lane.next()]
  await cluster.sql(`insert into markers values (${kept}); delete from spoilt; ${fails ? 'insert into spoilt values (1)' : ''}`)
  await sleep(20)
  const [row] = await cluster.sql<{ now: Date }>('select clock_timestamp() as now')
  await sleep(20)
  await cluster.sql(`insert into markers values (${later}); delete from spoilt`)
  return { mark: await mark(lane, later), kept, later, moment: (row as { now: Date }).now.toISOString() }
}

/** Marks what is in place now, so that it is recognised wherever it ends. */
export async function mark({ faults }: Lane, n: number): Promise<string> {
  const name = `row-${n}`
  for (const member of [faults.cluster.directory, faults.uploads]) await writeFile(join(member, `mark-${name}`), name)
  await writeFile(join(faults.uploads, 'logo.png'), spoiltBy(name))
  return name
}

export const spoiltBy = (name: string): string => `spoilt by ${name}`

/** What a restore of spoilt data is expected to bring: all up to the moment, and the tree of the backup. */
export function expectedOf(lane: Lane, { mark: name, kept, later }: Spoilt, outcome: string, restored: readonly number[] = [kept]): Expected {
  const file = { restored: lane.fileInBackup, old: spoiltBy(name) }
  return { outcome, mark: name, rows: { asked: [kept, later], restored, old: [kept, later] }, file }
}

export const recoverTo = (moment: string) => ({
  type: 'recoverToPointInTime',
  workflowId: 'target/shop',
  input: { system: 'shop', to: { time: moment } },
})

/** They would fill the disk of a long sweep. */
export async function dropOld({ faults }: Lane): Promise<void> {
  for (const member of [faults.cluster.directory, faults.uploads]) await dropSafetySets(member)
}
