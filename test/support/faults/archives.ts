/** The archive of histories: what closed is named once, in a chain that is whole in each store, with all that it names. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { labelPrefixOf } from '../../../activities/boundary.ts'
import { findLabelPrefix } from '../../../adapters/process/find-processes.ts'
import { verifyAudit } from '../../../clients/audit-verify.ts'
import { auditNumbers, readAudit } from '../../../repository/audit-chain.ts'
import { auditWitnesses } from '../../../wiring/audit-witnesses.ts'
import { waitFor } from '../rig.ts'
import { all, createFindings, type Family, type Seen } from './family.ts'
import type { Lane } from './lane.ts'
import { stores } from './looks.ts'
import type { Row } from './rows.ts'

const newArchive = (lane: Lane) => ({ type: 'archiveHistories', workflowId: `archive/${lane.next()}`, input: {} })

/** One backup more than is archived already, so that a run has the same to do each time. */
async function archive(lane: Lane, rows: readonly Row[]): Promise<Seen> {
  await lane.run(newArchive(lane), [])
  const workflowId = `backup/${lane.next()}`
  const backup = await lane.run({ type: 'backupSystem', workflowId, input: { system: 'shop' } }, [])
  await lane.noteBackup()
  const closed = `WorkflowId = '${workflowId}' AND ExecutionStatus != 'Running'`
  await waitFor('the backup to be listed', async () => (await lane.faults.env.client.workflow.count(closed)).count > 0)
  const ended = await lane.run(newArchive(lane), rows)
  const { problems, expect } = createFindings()
  expect('outcome', [ended.outcome, ended.message], ['succeeded', ''])
  problems.push(...(await lookAtChain(lane, backup.runId)))
  expect('processes with the label of the run', await findLabelPrefix(labelPrefixOf(ended.runId)), [])
  expect('staging', await readdir(join(lane.faults.rig.places.home, 'hosts', 'localhost', 'archive')), [])
  return { losses: ended.losses, outcome: ended.outcome, oldData: 'in place', problems }
}

async function lookAtChain({ faults: { rig } }: Lane, runId: string): Promise<readonly string[]> {
  const { problems, expect } = createFindings()
  const verifier = await rig.agent.verifier(rig.config)
  const store = (name: string) => rig.agent.store(rig.config, name)
  const found = await verifyAudit({
    stores,
    store,
    verifier,
    expected: () => true,
    witnesses: await auditWitnesses(rig.places),
    now: () => new Date(),
    onProgress: () => undefined,
  })
  expect('muster audit verify', found.problems, [])
  for (const name of stores) {
    const named: string[] = []
    const there = await store(name)
    for (const sequence of (await auditNumbers(there)).get('primary') ?? []) {
      const { record } = await readAudit(there, verifier, 'primary', sequence)
      named.push(...(record?.runs ?? []).map((run) => run.runId))
    }
    expect(`runs that ${name} names twice`, named.length - new Set(named).size, 0)
    expect(`the run in ${name}`, named.includes(runId), true)
  }
  return problems
}

export const archives: readonly Family[] = [{ name: 'an archive of histories', signal: 'SIGKILL', rowsPerRun: 1, about: all, play: archive }]
