/** Restores to another directory: the service goes on untouched, and the copy is there or nothing is. */
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { labelPrefixOf } from '../../../activities/boundary.ts'
import { endProcess, findLabelPrefix, processesUsing } from '../../../adapters/process/find-processes.ts'
import { freePort } from '../postgres-cluster.ts'
import { evidencePerStore } from './evidence-left.ts'
import { createFindings, type Family, named, type Seen, someRowsPerRun } from './family.ts'
import type { Lane } from './lane.ts'
import { findMark, leftoversOf } from './looks.ts'
import type { Row } from './rows.ts'
import { recoverTo, spoil } from './spoil.ts'

async function playElsewhere(lane: Lane, rows: readonly Row[], component: 'database' | 'uploads'): Promise<Seen> {
  const { cluster, uploads, rig } = lane.faults
  const spoilt = await spoil(lane, false)
  const home = await cluster.makeDirectory(`copy-${spoilt.later}`)
  const directory = join(home, 'copy')
  const into = { directory, ...(component === 'database' && { port: await freePort() }) }
  const { type, input } = recoverTo(spoilt.moment)
  const ended = await lane.run({ type, workflowId: `aside/shop/${spoilt.later}`, input: { ...input, components: [component], into } }, rows)
  const { problems, expect } = createFindings()
  expect('outcome', [ended.outcome, ended.message], ['succeeded', ''])
  expect('beside the copy', await readdir(home), ['copy'])
  if (component === 'uploads') expect('file of the copy', await readFile(join(directory, 'logo.png'), 'utf8').catch(String), lane.fileInBackup)
  else expect('server on the copy', (await processesUsing(directory)).length > 0, true)
  const { kept, later } = spoilt
  const found = await cluster.sql<{ n: number }>(`select n from markers where n in (${kept}, ${later}) order by n`)
  expect(
    'rows of the service',
    found.map(({ n }) => n),
    [kept, later],
  )
  for (const member of [cluster.directory, uploads]) expect(`data of the service`, await findMark(member, spoilt.mark), ['in place'])
  expect('service', (await readFile(join(rig.base, 'service.state'), 'utf8')).trim(), 'running')
  for (const user of await processesUsing(directory)) await endProcess(user, { graceSeconds: 0 })
  await rm(home, { recursive: true, force: true })
  expect('processes with the label of the run', await findLabelPrefix(labelPrefixOf(ended.runId)), [])
  expect('leftovers', await leftoversOf(lane.faults), [])
  problems.push(...(await evidencePerStore(lane.faults, ended)))
  return { losses: ended.losses, outcome: ended.outcome, oldData: 'in place', problems }
}

export const restoresElsewhere: readonly Family[] = (['database', 'uploads'] as const).map((component) => ({
  name: `a restore elsewhere of ${component === 'database' ? 'a database' : 'a tree'}`,
  signal: 'SIGKILL',
  rowsPerRun: someRowsPerRun,
  about: named(/^placeElsewhere/),
  play: (lane, rows) => playElsewhere(lane, rows, component),
}))
