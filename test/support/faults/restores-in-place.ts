/** Restores in place: one that goes on, and those that roll back. */
import { lookAfterRestore } from './after-restore.ts'
import { after, all, type Family, named, type Seen, someRowsPerRun } from './family.ts'
import type { Lane } from './lane.ts'
import type { Ended } from './runner.ts'
import type { Row } from './rows.ts'
import { dropOld, expectedOf, recoverTo, spoil } from './spoil.ts'

async function recovered(lane: Lane, rows: readonly Row[], signal: Family['signal'] = 'SIGKILL'): Promise<Seen> {
  const spoilt = await spoil(lane, false)
  const ended = await lane.run({ ...recoverTo(spoilt.moment), signal }, rows)
  return endOf(lane, ended, () => lookAfterRestore(lane, ended, expectedOf(lane, spoilt, 'succeeded')))
}

async function undone(lane: Lane, rows: readonly Row[], signal: Family['signal'] = 'SIGKILL'): Promise<Seen> {
  const spoilt = await spoil(lane, true)
  const ended = await lane.run({ ...recoverTo(spoilt.moment), signal }, rows)
  return endOf(lane, ended, () => lookAfterRestore(lane, ended, expectedOf(lane, spoilt, 'rolled-back')))
}

/** What a frozen worker does when it comes back is looked at last, since it must have changed nothing of what was seen. */
async function endOf(lane: Lane, ended: Ended, look: () => Promise<Seen>): Promise<Seen> {
  const seen = await look()
  const changed = await ended.thaw()
  await dropOld(lane)
  return { ...seen, problems: [...seen.problems, ...changed] }
}

export const restoresInPlace: readonly Family[] = [
  { name: 'a restore to a moment', signal: 'SIGKILL', rowsPerRun: someRowsPerRun, about: all, play: recovered },
  {
    name: 'the roll back of a restore whose check fails in place',
    signal: 'SIGKILL',
    rowsPerRun: someRowsPerRun,
    about: after('checkRestored database closed'),
    play: undone,
  },
  {
    name: 'the roll back of a restore that is cancelled once its database is protected',
    signal: 'SIGKILL',
    rowsPerRun: someRowsPerRun,
    about: after('protectAgain database'),
    play: async (lane, rows) => {
      const spoilt = await spoil(lane, false)
      const ended = await lane.run({ ...recoverTo(spoilt.moment), cancelAt: 'protectAgain database' }, rows)
      return lookAfterRestore(lane, ended, expectedOf(lane, spoilt, 'cancelled'))
    },
  },
  {
    name: 'a restore to the newest moment',
    signal: 'SIGKILL',
    rowsPerRun: someRowsPerRun,
    about: named(/^replayTail/),
    play: async (lane, rows) => {
      const spoilt = await spoil(lane, false)
      const ended = await lane.run({ type: 'restoreSystem', workflowId: 'target/shop', input: { system: 'shop', newerFiles: 'discard' } }, rows)
      const seen = await lookAfterRestore(lane, ended, expectedOf(lane, spoilt, 'succeeded', [spoilt.kept, spoilt.later]))
      await dropOld(lane)
      return seen
    },
  },
]

/** Steps that change something outside Temporal, frozen in the middle until the run has ended without them. */
export const frozenRestores: readonly Family[] = [
  {
    name: 'a restore whose worker is frozen and comes back',
    signal: 'SIGSTOP',
    rowsPerRun: someRowsPerRun,
    about: named(/^(stopService|stopDatabase|swapIn|startClosed|openDatabase|startService|keepSafetySet)/),
    play: (lane, rows) => recovered(lane, rows, 'SIGSTOP'),
  },
  {
    name: 'a roll back whose worker is frozen and comes back',
    signal: 'SIGSTOP',
    rowsPerRun: someRowsPerRun,
    about: (steps) => named(/^(stopClosed|swapBack|startOldDatabase|startService|discardAside)/)(after('checkRestored database closed')(steps)),
    play: (lane, rows) => undone(lane, rows, 'SIGSTOP'),
  },
]
