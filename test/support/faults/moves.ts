/** Failovers whose worker at the other site is lost: one that goes on, and one that rolls back. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { labelPrefixOf } from '../../../activities/boundary.ts'
import { findLabelPrefix, processesUsing } from '../../../adapters/process/find-processes.ts'
import type { RefreshStandbyResult } from '../../../workflows/messages.ts'
import { addresses } from '../dns-rig.ts'
import { after, all, createFindings, type Family, named, type Seen, someRowsPerRun } from './family.ts'
import { dropSafetySets, leftoversBeside } from './looks.ts'
import type { MoveLane } from './move-lane.ts'
import type { Row } from './rows.ts'
import type { Ended } from './runner.ts'

/** What is counted before and after: each has to happen once, however often a step begins. */
async function countsOf({ sites }: MoveLane) {
  const { site, incarnations, fences } = await sites.state()
  const newest = incarnations.at(-1)
  return {
    takeOvers: site?.controlIncarnation ?? 1,
    fences: fences.length,
    lives: incarnations.length,
    promotions: newest?.timelineId ?? 0,
    starts: await sites.away.serviceStarts(),
  }
}

type Counts = Awaited<ReturnType<typeof countsOf>>

export async function failOver(
  lane: MoveLane,
  rows: readonly Row[],
  { signal, fails, warm = false }: { readonly signal: Family['signal']; readonly fails: boolean; readonly warm?: boolean },
): Promise<Seen> {
  const { sites } = lane
  const n = lane.next()
  await sites.cluster.sql(`insert into markers values (${n}); delete from spoilt; ${fails ? 'insert into spoilt values (1)' : ''}`)
  if (warm) await lane.refreshStandby()
  const before = await countsOf(lane)
  const ended = await lane.run({ type: 'failover', workflowId: 'target/shop', site: 'dr', input: { system: 'shop', requestedBy: 'alice' }, signal }, rows)
  const { problems, expect } = createFindings()
  expect('outcome', [ended.outcome, fails ? '' : ended.message], [fails ? 'rolled-back' : 'succeeded', ''])
  const moved = ended.outcome === 'succeeded'
  problems.push(...(moved ? await lookThere(lane, n) : await lookAtHome(lane, n)))
  const now = await countsOf(lane)
  if (moved) problems.push(...lookAtCounts(before, now, rows))
  if (moved) expect('the full backup that follows', await lane.backupAfter(ended), 'succeeded')
  problems.push(...(await lookForRemains(lane, ended)))
  problems.push(...(await ended.thaw()))
  for (const member of lane.members) await dropSafetySets(member)
  if (moved) await lane.comeBack()
  for (const member of [sites.cluster.directory, join(sites.installation.base, 'uploads')]) await dropSafetySets(member)
  return { losses: ended.losses, outcome: ended.outcome, oldData: moved ? 'at home' : 'in service', effects: effectsOf(before, now), problems }
}

function effectsOf(before: Counts, now: Counts): string {
  return Object.entries(now)
    .map(([name, count]) => `${name} ${count - before[name as keyof Counts]}`)
    .join(', ')
}

async function lookThere({ sites }: MoveLane, n: number): Promise<string[]> {
  const { problems, expect } = createFindings()
  expect('rows there', await sites.awaySql(`select n from markers where n = ${n}`), [{ n }])
  expect('tree there', await readFile(join(sites.installation.base, 'uploads-there', 'logo.txt'), 'utf8'), 'first')
  expect('services at home and there', [await sites.home.serviceState(), await sites.away.serviceState()], ['stopped', 'running'])
  expect('database at home', await answersAtHome(sites), false)
  expect('record', await sites.dns.held(`app.${sites.dns.zone}`, 'A'), [`app.${sites.dns.zone} 60 IN A ${addresses.dr}`])
  expect('active site', (await sites.state()).site?.site, 'dr')
  return problems
}

/** The command that starts a service was under way when its agent was lost: the next attempt may start it beside. */
function lookAtCounts(before: Counts, now: Counts, rows: readonly Row[]): string[] {
  const { problems, expect } = createFindings()
  const mayStartTwice = rows.some(({ step }) => step.startsWith('startService'))
  const most = mayStartTwice ? Math.min(now.starts - before.starts, 2) : 1
  const once = Object.fromEntries(Object.entries(before).map(([name, count]) => [name, count + (name === 'starts' ? Math.max(most, 1) : 1)]))
  expect('what happens once', now, once)
  return problems
}

async function lookAtHome({ sites }: MoveLane, n: number): Promise<string[]> {
  const { problems, expect } = createFindings()
  expect('rows at home', await sites.cluster.sql(`select n from markers where n = ${n}`), [{ n }])
  expect('services at home and there', [await sites.home.serviceState(), await sites.away.serviceState()], ['running', 'stopped'])
  expect('record', await sites.dns.held(`app.${sites.dns.zone}`, 'A'), [`app.${sites.dns.zone} 60 IN A ${addresses.primary}`])
  expect('active site', (await sites.state()).site?.site ?? 'primary', 'primary')
  return problems
}

async function lookForRemains(lane: MoveLane, ended: Ended): Promise<string[]> {
  const { sites, members } = lane
  const { problems, expect } = createFindings()
  expect('processes with the label of the run', await findLabelPrefix(labelPrefixOf(ended.runId)), [])
  expect('evidence', typeof ((await lane.last().describe()).memo?.['evidence'] as { readonly key?: string } | undefined)?.key, 'string')
  expect('leftovers there', await leftoversBeside(members, join(sites.installation.beta.home, 'hosts', 'beta')), [])
  return problems
}

function answersAtHome({ cluster }: MoveLane['sites']): Promise<boolean> {
  return cluster.sql('select 1').then(
    () => true,
    () => false,
  )
}

/** The standby is whole, newest and at rest, wherever its worker was lost. */
async function refresh(lane: MoveLane, rows: readonly Row[]): Promise<Seen> {
  const { sites } = lane
  const n = lane.next()
  await sites.cluster.sql(`insert into markers values (${n})`)
  await lane.forgetStandby()
  const ended = await lane.run({ type: 'refreshStandby', workflowId: `standby/${n}`, site: 'dr', input: { system: 'shop' } }, rows)
  const { problems, expect } = createFindings()
  expect('outcome', [ended.outcome, ended.message], ['succeeded', ''])
  const [refreshed] = (ended.result as RefreshStandbyResult | null)?.databases ?? []
  const standby = await lane.standby()
  expect('standby', [standby?.state, standby?.replayedLsn], ['ready', refreshed?.replayedLsn])
  expect('seeded', refreshed?.seeded, true)
  expect('processes with the label of the run', await findLabelPrefix(labelPrefixOf(ended.runId)), [])
  expect('users of its data', await processesUsing(join(lane.standbyPlace, 'aside', 'data')), [])
  return { losses: ended.losses, outcome: ended.outcome, oldData: 'untouched', problems }
}

/** Of the longest procedure: its steps are still far enough apart. */
export const manyRowsPerRun = 6

export const moves: readonly Family<MoveLane>[] = [
  {
    name: 'a failover',
    signal: 'SIGKILL',
    rowsPerRun: manyRowsPerRun,
    about: all,
    play: (lane, rows) => failOver(lane, rows, { signal: 'SIGKILL', fails: false }),
  },
  {
    name: 'the roll back of a failover whose check fails in place',
    signal: 'SIGKILL',
    rowsPerRun: someRowsPerRun,
    about: after('checkRestored database closed'),
    play: (lane, rows) => failOver(lane, rows, { signal: 'SIGKILL', fails: true }),
  },
  {
    name: 'a failover whose worker is frozen and comes back',
    signal: 'SIGSTOP',
    rowsPerRun: someRowsPerRun,
    about: named(/^(takeOver|swapIn|startClosed|changeDns|openDatabase|startService|keepSafetySet)/),
    play: (lane, rows) => failOver(lane, rows, { signal: 'SIGSTOP', fails: false }),
  },
  {
    name: 'a failover that takes a standby over',
    signal: 'SIGKILL',
    rowsPerRun: someRowsPerRun,
    about: named(/^(adoptStandby|prefetchWal|holdAtTarget)/),
    play: (lane, rows) => failOver(lane, rows, { signal: 'SIGKILL', fails: false, warm: true }),
  },
  {
    name: 'a refresh of a standby that begins anew',
    signal: 'SIGKILL',
    rowsPerRun: someRowsPerRun,
    about: all,
    play: refresh,
  },
]
