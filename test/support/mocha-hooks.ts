/**
 * Around every test run: the set-up must have run before, and no process that Muster labelled may be left
 * afterwards. A missing part fails the run with the command that installs it; nothing is skipped.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { findLabelPrefix } from '../../adapters/process/find-processes.ts'
import type { ProcessIdentity } from '../../adapters/process/process.ts'
import { enterNamespacesUnlessRoot } from './ordinary-user.ts'
import { s3ServerPath, temporalPath } from './tools.ts'

enterNamespacesUnlessRoot()

const graceSeconds = 5

let before: readonly string[] = []

export const mochaHooks = {
  async beforeAll(): Promise<void> {
    await Promise.all([temporalPath(), s3ServerPath()])
    before = (await findLabelPrefix('')).map(nameOf)
  },

  async afterAll(): Promise<void> {
    const deadline = Date.now() + graceSeconds * 1000
    for (;;) {
      const left = await leftProcesses()
      if (left.length === 0) return
      if (Date.now() > deadline) assert.fail(`the tests left processes running: ${left.join(', ')}`)
      await sleep(100)
    }
  },
}

/** New ones that belong to this run: below it, or below nobody any more. Another run's have that run above them. */
async function leftProcesses(): Promise<string[]> {
  const found = await findLabelPrefix('')
  return found
    .filter((identity) => !before.includes(nameOf(identity)))
    .filter(({ pid }) => {
      const above = ancestors(pid)
      return above.includes(process.pid) || above.length <= 1
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
