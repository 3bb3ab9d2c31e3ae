/** Processes with a label of Muster that a run of tests has left. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { findLabelPrefix } from '../../adapters/process/find-processes.ts'
import type { ProcessIdentity } from '../../adapters/process/process.ts'

/** Set where several runs go on beside each other: whose a process without a parent is, can only be told after the last. */
export const besideOthersVariable = 'MUSTER_TEST_BESIDE_OTHERS'

const graceSeconds = 30

/** Names of those that run now. */
export async function labelledProcesses(): Promise<readonly string[]> {
  return (await findLabelPrefix('')).map(nameOf)
}

/**
 * Waits for new ones to end: those below this process and, unless `ownOnly`, those below nobody any more. Another
 * run's have that run above them.
 * @returns those that are left, with their labels
 */
export async function awaitNoneLeft(before: readonly string[], { ownOnly = false }: { readonly ownOnly?: boolean } = {}): Promise<readonly string[]> {
  const deadline = Date.now() + graceSeconds * 1000
  for (;;) {
    const left = await leftNow(before, ownOnly)
    if (left.length === 0 || Date.now() > deadline) return left
    await sleep(100)
  }
}

async function leftNow(before: readonly string[], ownOnly: boolean): Promise<string[]> {
  const found = await findLabelPrefix('')
  return found
    .filter((identity) => !before.includes(nameOf(identity)))
    .filter(({ pid }) => {
      const above = ancestors(pid)
      return above.includes(process.pid) || (!ownOnly && above.length <= 1)
    })
    .map((identity) => `${nameOf(identity)} (label ${labelOf(identity.pid)})`)
}

function nameOf({ pid, startTicks, command }: ProcessIdentity): string {
  return `${command} ${pid}/${startTicks}`
}

/** From the parent up to the first process of the system. */
function ancestors(pid: number): number[] {
  const found: number[] = []
  for (let parent = parentOf(pid); parent > 0; parent = parentOf(parent)) found.push(parent)
  return found
}

function parentOf(pid: number): number {
  const stat = readOrEmpty(`/proc/${pid}/stat`)
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0)
}

function labelOf(pid: number): string {
  const variables = readOrEmpty(`/proc/${pid}/environ`).split('\0')
  return variables.find((variable) => variable.startsWith('MUSTER_LABEL='))?.slice('MUSTER_LABEL='.length) ?? '?'
}

/** A process may end while it is looked at. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
