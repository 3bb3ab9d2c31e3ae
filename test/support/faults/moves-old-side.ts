/** Moves whose worker at the home site is lost: in the fence of a failover, and where a failback takes the system over again. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { labelPrefixOf } from '../../../activities/boundary.ts'
import { findLabelPrefix } from '../../../adapters/process/find-processes.ts'
import { addresses } from '../dns-rig.ts'
import { createFindings, type Family, named, type Seen, someRowsPerRun } from './family.ts'
import { dropSafetySets, leftoversBeside } from './looks.ts'
import type { MoveLane } from './move-lane.ts'
import { failOver, manyRowsPerRun } from './moves.ts'
import type { Row } from './rows.ts'
import type { Ended } from './runner.ts'

/** What is committed there comes home, with what was committed before. */
async function goHome(lane: MoveLane, rows: readonly Row[]): Promise<Seen> {
  const { sites } = lane
  const n = lane.next()
  const away = await sites.dns.held(`app.${sites.dns.zone}`, 'A')
  await lane.run({ type: 'failover', workflowId: 'target/shop', site: 'dr', input: { system: 'shop', requestedBy: 'alice' } }, []).then(lane.backupAfter)
  await sites.awaySql(`insert into markers values (${n})`)
  const before = await countsOf(lane)
  const ended = await lane.run({ type: 'failback', workflowId: 'target/shop', site: 'primary', input: { system: 'shop', requestedBy: 'alice' } }, rows)
  const { problems, expect } = createFindings()
  expect('outcome', [ended.outcome, ended.message], ['succeeded', ''])
  // Its staging is no remain of the move.
  expect('the full backup that follows', ended.outcome === 'succeeded' ? await lane.backupAfter(ended) : 'none', 'succeeded')
  problems.push(...(await lookAtHome(lane, ended, n)))
  const once = Object.fromEntries(Object.entries(before).map(([name, count]) => [name, count + 1]))
  expect('what happens once', await countsOf(lane), once)
  expect('record before', away, [`app.${sites.dns.zone} 60 IN A ${addresses.primary}`])
  for (const member of [...lane.members, ...membersAtHome(lane)]) await dropSafetySets(member)
  return { losses: ended.losses, outcome: ended.outcome, oldData: 'set aside', problems }
}

async function countsOf({ sites }: MoveLane) {
  const { site, incarnations, fences } = await sites.state()
  return { takeOvers: site?.controlIncarnation ?? 1, fences: fences.length, lives: incarnations.length, promotions: incarnations.at(-1)?.timelineId ?? 0 }
}

async function lookAtHome(lane: MoveLane, ended: Ended, n: number): Promise<string[]> {
  const { sites } = lane
  const { base, alpha } = sites.installation
  const { problems, expect } = createFindings()
  expect('rows at home', await sites.cluster.sql(`select n from markers where n = ${n}`), [{ n }])
  expect('tree at home', await readFile(join(base, 'uploads', 'logo.txt'), 'utf8'), 'first')
  expect('services at home and there', [await sites.home.serviceState(), await sites.away.serviceState()], ['running', 'stopped'])
  expect('record', await sites.dns.held(`app.${sites.dns.zone}`, 'A'), [`app.${sites.dns.zone} 60 IN A ${addresses.primary}`])
  expect('active site', (await sites.state()).site?.site, 'primary')
  expect('processes with the label of the run', await findLabelPrefix(labelPrefixOf(ended.runId)), [])
  expect('leftovers at home', await leftoversBeside(membersAtHome(lane), join(alpha.home, 'hosts', 'alpha')), [])
  return problems
}

function membersAtHome({ sites }: MoveLane): readonly [string, string] {
  return [sites.cluster.directory, join(sites.installation.base, 'uploads')]
}

export const movesOfTheOldSide: readonly Family<MoveLane>[] = [
  {
    name: 'the old side in the fence of a failover',
    signal: 'SIGKILL',
    rowsPerRun: someRowsPerRun,
    about: named(/^(observeTargets|stopService|stopDatabase|saveTail)/),
    play: (lane, rows) => failOver(lane, rows, { signal: 'SIGKILL', fails: false }),
  },
  {
    name: 'a failback',
    signal: 'SIGKILL',
    rowsPerRun: manyRowsPerRun,
    about: named(/^(takeOver|promoteAside|swapIn|startClosed|protectAgain|changeDns|openDatabase|startService|keepSafetySet)/),
    play: goHome,
  },
]
