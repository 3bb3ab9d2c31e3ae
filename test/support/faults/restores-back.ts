/** Bringing a safety set back, and the roll back of that: the safety set has to be where it was kept. */
import { lookAfterRestore } from './after-restore.ts'
import { after, type Family, named, type Seen, someRowsPerRun } from './family.ts'
import type { Lane } from './lane.ts'
import { findMark } from './looks.ts'
import type { Row } from './rows.ts'
import { dropOld, mark, recoverTo, spoil, spoiltBy } from './spoil.ts'

/** A restore keeps a safety set; then that is brought back over data that is newer again. */
async function playBack(lane: Lane, rows: readonly Row[], fails: boolean): Promise<Seen> {
  const { cluster, uploads } = lane.faults
  const spoilt = await spoil(lane, false)
  if (fails) await cluster.sql('insert into spoilt values (1)')
  const first = await lane.run(recoverTo(spoilt.moment), [])
  if (first.outcome !== 'succeeded') return { losses: [], outcome: first.outcome, oldData: '', problems: [`no safety set to bring back: ${first.message}`] }
  await lane.backupAfter(first)
  const newer = lane.next()
  await cluster.sql(`insert into markers values (${newer})`)
  const name = await mark(lane, newer)
  const input = { system: 'shop', back: `target/shop:${first.runId}` }
  const ended = await lane.run({ type: 'restoreSystem', workflowId: 'target/shop', input }, rows)
  const seen = await lookAfterRestore(lane, ended, {
    outcome: fails ? 'rolled-back' : 'succeeded',
    mark: name,
    rows: { asked: [spoilt.later, newer], restored: [spoilt.later], old: [newer] },
    file: { restored: spoiltBy(spoilt.mark), old: spoiltBy(name) },
  })
  const kept = await Promise.all([cluster.directory, uploads].map((member) => findMark(member, spoilt.mark)))
  const right = ended.outcome === 'succeeded' ? 'in place' : 'safety set'
  const lost = kept.every(([where, ...more]) => where === right && more.length === 0) ? [] : [`the safety set is not ${right}: ${JSON.stringify(kept)}`]
  await dropOld(lane)
  return { ...seen, problems: [...seen.problems, ...lost] }
}

export const restoresBack: readonly Family[] = [
  {
    name: 'bringing a safety set back',
    signal: 'SIGKILL',
    rowsPerRun: someRowsPerRun,
    about: named(/^(promoteAside|swapIn|keepSafetySet)/),
    play: (lane, rows) => playBack(lane, rows, false),
  },
  {
    name: 'the roll back of a safety set whose check fails in place',
    signal: 'SIGKILL',
    rowsPerRun: someRowsPerRun,
    about: (steps) => named(/^(swapBack|discardAside)/)(after('checkRestored database closed')(steps)),
    play: (lane, rows) => playBack(lane, rows, true),
  },
]
