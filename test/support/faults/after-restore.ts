/** What is true of every restore in place, whichever way it ended: good data, the old data found, nothing left, protected, with evidence. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { labelPrefixOf } from '../../../activities/boundary.ts'
import { recordWriter } from '../../../activities/host/incarnations.ts'
import { findLabelPrefix } from '../../../adapters/process/find-processes.ts'
import { foldRecords } from '../../../domain/control-state.ts'
import { readRecords } from '../../../repository/control-records.ts'
import type { ArchiveWalResult } from '../../../workflows/archive-wal.ts'
import type { BackupSystemResult } from '../../../workflows/backup-system.ts'
import type { RestoreResult } from '../../../workflows/restore/run-restore.ts'
import { evidencePerStore } from './evidence-left.ts'
import { createFindings, type Seen } from './family.ts'
import type { Lane } from './lane.ts'
import type { Ended } from './runner.ts'
import { components, findMark, leftoversOf, publishedPerStore, stores, unpublishedIn } from './looks.ts'

/** What distinguishes the data that was there before from what the restore brings. */
export interface Expected {
  readonly outcome: string
  /** Stands in both members before the restore begins. */
  readonly mark: string
  /** Rows that tell the two apart, of which these are there then. */
  readonly rows: { readonly asked: readonly number[]; readonly restored: readonly number[]; readonly old: readonly number[] }
  /** Text of the file that both have. */
  readonly file: { readonly restored: string; readonly old: string }
}

export async function lookAfterRestore(lane: Lane, ended: Ended, expected: Expected): Promise<Seen> {
  const { faults } = lane
  const { cluster, uploads, rig } = faults
  const { problems, expect } = createFindings()
  const wentOn = ended.outcome === 'succeeded'
  const where = wentOn ? 'safety set' : 'in place'
  if (ended.outcome !== expected.outcome) problems.push(`ended ${ended.outcome} (without the loss: ${expected.outcome}): ${ended.message}`)
  const { asked, restored, old } = expected.rows
  const found = await cluster.sql<{ n: number }>(`select n from markers where n in (${asked.join()}) order by n`)
  expect(
    'rows',
    found.map(({ n }) => n),
    wentOn ? restored : old,
  )
  expect('file in the tree', await readFile(join(uploads, 'logo.png'), 'utf8'), wentOn ? expected.file.restored : expected.file.old)
  expect('old database', await findMark(cluster.directory, expected.mark), [where])
  expect('old tree', await findMark(uploads, expected.mark), [where])
  expect('service', (await readFile(join(rig.base, 'service.state'), 'utf8')).trim(), 'running')
  problems.push(...(wentOn ? await lookAfterOpening(lane, ended) : await lookAfterRollBack(lane)))
  expect('processes with the label of the run', await findLabelPrefix(labelPrefixOf(ended.runId)), [])
  expect('leftovers', await leftoversOf(faults), [])
  problems.push(...(await evidencePerStore(faults, ended)))
  for (const store of stores) expect(`unpublished in ${store}`, await unpublishedIn(faults, store), [])
  return { losses: ended.losses, outcome: ended.outcome, oldData: where, problems }
}

/** The safety set is recorded once, and the full backup that follows is published once per store. */
async function lookAfterOpening(lane: Lane, ended: Ended): Promise<string[]> {
  const { problems, expect } = createFindings()
  const { backup, safety } = ended.result as RestoreResult
  const { config, agent } = lane.faults.rig
  const { records } = await readRecords(await recordWriter(agent, config), 'shop')
  const kept = foldRecords(records)
    .safetySets.filter(({ run }) => run.endsWith(ended.runId))
    .flatMap(({ members }) => members)
  expect('recorded safety sets', kept.map(({ component }) => component).sort(), components)
  expect('safety set as the run says', safety.map(({ safetyPath }) => safetyPath).sort(), kept.map(({ safetyPath }) => safetyPath).sort())
  if (backup === null) return [...problems, 'no full backup follows']
  await lane.backupAfter(ended)
  const handle = lane.faults.env.client.workflow.getHandle(backup)
  const { outcome } = (await handle.result()) as BackupSystemResult
  expect('the full backup that follows', outcome, 'succeeded')
  return [...problems, ...(await publishedPerStore(lane.faults, (await handle.describe()).runId))]
}

/** The old life goes on, protected: what is committed now gets into both stores without a gap. */
async function lookAfterRollBack(lane: Lane): Promise<string[]> {
  const { cluster, env } = lane.faults
  const n = lane.next()
  await cluster.sql(`insert into markers values (${n})`)
  const order = { taskQueue: 'muster', workflowId: `archive/${n}`, args: [{ system: 'shop' }] }
  const { outcome, databases } = (await env.client.workflow.execute('archiveWal', order)) as ArchiveWalResult
  const taking = databases.flatMap((one) => one.stores.filter(({ problem }) => problem === null))
  const right = outcome === 'succeeded' && taking.length === stores.length
  return right ? [] : [`after the roll back WAL is not archived as before: ${outcome} ${JSON.stringify(databases)}`]
}
