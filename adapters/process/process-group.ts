import { setTimeout as sleep } from 'node:timers/promises'
import { isAlive, listPids, readProcStat } from './proc-stat.ts'

/** How long a group may take to obey SIGTERM before SIGKILL. */
export const graceSeconds = 5

/**
 * Whether a process of the group still runs. Asks the kernel first and looks closer only when that
 * says yes, because orphaned zombies stay in a group for as long as nobody reaps them.
 */
export function groupRuns(groupId: number): boolean {
  try {
    process.kill(-groupId, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  return listPids().some((pid) => {
    const stat = readProcStat(pid)
    return stat !== null && stat.groupId === groupId && isAlive(stat)
  })
}

/** Waits until no process of the group runs; false when `seconds` passed before. */
export async function waitForGroup(groupId: number, seconds: number): Promise<boolean> {
  const deadline = Date.now() + seconds * 1000
  for (let pauseMs = 5; groupRuns(groupId); pauseMs = Math.min(pauseMs * 2, 100)) {
    if (Date.now() >= deadline) return false
    await sleep(pauseMs)
  }
  return true
}

/** Ends a whole group, SIGTERM and after `graceSeconds` SIGKILL; resolves when none of it runs. */
export async function endGroup(groupId: number): Promise<void> {
  signalGroup(groupId, 'SIGTERM')
  if (await waitForGroup(groupId, graceSeconds)) return
  // Again each second: a process that was being forked while we signalled may have been missed.
  do signalGroup(groupId, 'SIGKILL')
  while (!(await waitForGroup(groupId, 1)))
}

function signalGroup(groupId: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-groupId, signal)
  } catch {
    // ESRCH: gone already. EPERM: the next look says that it still runs.
  }
}
