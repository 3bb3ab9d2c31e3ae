/** Backups: the run finishes, each store has one published backup of it, and what dead attempts left is gone. */
import { readdir, utimes } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { labelPrefixOf } from '../../../activities/boundary.ts'
import { findLabelPrefix } from '../../../adapters/process/find-processes.ts'
import { readCatalog } from '../../../repository/catalog.ts'
import { evidencePerStore } from './evidence-left.ts'
import { all, createFindings, type Family, named, type Seen, someRowsPerRun } from './family.ts'
import type { Lane } from './lane.ts'
import type { Ended } from './runner.ts'
import { leftoversOf, publishedPerStore, stores, unfinishedIn, unpublishedIn } from './looks.ts'
import type { Row } from './rows.ts'

const newBackup = (lane: Lane) => ({ type: 'backupSystem', workflowId: `backup/${lane.next()}`, input: { system: 'shop' } })

async function backUp(lane: Lane, rows: readonly Row[]): Promise<Seen> {
  const ended = await lane.run(newBackup(lane), rows)
  await lane.noteBackup()
  return { losses: ended.losses, outcome: ended.outcome, oldData: 'in place', problems: await lookAfterBackup(lane, ended) }
}

async function lookAfterBackup({ faults }: Lane, ended: Ended): Promise<readonly string[]> {
  const { problems, expect } = createFindings()
  expect('outcome', [ended.outcome, ended.message], ['succeeded', ''])
  problems.push(...(await publishedPerStore(faults, ended.runId)), ...(await evidencePerStore(faults, ended)))
  expect('processes with the label of the run', await findLabelPrefix(labelPrefixOf(ended.runId)), [])
  expect('leftovers', await leftoversOf(faults), [])
  expect('locks', await readdir(join(faults.rig.places.home, 'hosts', 'localhost', 'locks')), [])
  for (const store of stores) expect(`unpublished in ${store}`, await unpublishedIn(faults, store), [])
  return problems
}

/** Its run is ended before a worker is there again: what it had copied is listed as unpublished, and the next run sweeps it. */
async function giveUp(lane: Lane, rows: readonly Row[]): Promise<Seen> {
  if (rows.length === 0) return backUp(lane, [])
  const ended = await lane.run({ ...newBackup(lane), whileNobodyIsThere: (handle) => handle.terminate('given up') }, rows)
  const { problems, expect } = createFindings()
  let left = 0
  for (const store of stores) {
    const found = (await unpublishedIn(lane.faults, store)).map((path) => basename(path)).sort()
    expect(`listed as unpublished in ${store}`, await listedIn(lane, store), found)
    left += found.length
  }
  if (rows[0]?.moment === 'name' && left === 0) problems.push('nothing unpublished was left to be swept')
  await letLocksLapse(lane)
  const next = await backUp(lane, [])
  for (const store of stores) expect(`unfinished in ${store}`, await unfinishedIn(lane.faults, store), [])
  return { losses: ended.losses, outcome: `${left} swept`, oldData: 'in place', problems: [...problems, ...next.problems] }
}

/** Locks are leases of minutes: what ended their run let nobody give them back. */
async function letLocksLapse({ faults: { rig } }: Lane): Promise<void> {
  const locks = join(rig.places.home, 'hosts', 'localhost', 'locks')
  for (const name of await readdir(locks)) await utimes(join(locks, name), 0, 0)
}

async function listedIn({ faults: { rig } }: Lane, name: string): Promise<readonly string[]> {
  const { agent, config } = rig
  const { unpublished } = await readCatalog({ verifier: await agent.verifier(config), cache: agent.cache }, await agent.store(config, name), 'shop')
  return unpublished.map(({ backup }) => backup).sort()
}

export const backups: readonly Family[] = [
  { name: 'a backup', signal: 'SIGKILL', rowsPerRun: someRowsPerRun, about: all, play: backUp },
  {
    name: 'a backup that is given up with its worker',
    signal: 'SIGKILL',
    rowsPerRun: 1,
    about: named(/^publishCopy (database local|uploads nas)/),
    play: giveUp,
  },
]
