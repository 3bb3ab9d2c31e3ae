/**
 * Around every test run: the set-up must have run before, and no process that Muster labelled may be left
 * afterwards. A missing part fails the run with the command that installs it; nothing is skipped.
 */
import assert from 'node:assert/strict'
import { awaitNoneLeft, besideOthersVariable, labelledProcesses } from './left-processes.ts'
import { enterNamespacesUnlessRoot } from './ordinary-user.ts'
import { s3ServerPath, temporalPath } from './tools.ts'

enterNamespacesUnlessRoot()

let before: readonly string[] = []

export const mochaHooks = {
  async beforeAll(): Promise<void> {
    await Promise.all([temporalPath(), s3ServerPath()])
    before = await labelledProcesses()
  },

  async afterAll(): Promise<void> {
    const left = await awaitNoneLeft(before, { ownOnly: process.env[besideOthersVariable] !== undefined })
    if (left.length > 0) assert.fail(`the tests left processes running: ${left.join(', ')}`)
  },
}
