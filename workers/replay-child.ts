/**
 * A process of its own that replays one history with one bundle, with the SDK of an installation of Muster that need not
 * be this one. What it is to do comes as JSON on stdin; the answer goes into a file, since the SDK logs to stdout.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { ReplayAnswer } from '../domain/run-history.ts'

export interface ReplayOrder {
  /** Folder whose node_modules has the SDK. */
  readonly root: string
  /** With a source map, which the SDK insists on. */
  readonly bundleFile: string
  readonly historyFile: string
  readonly workflowId: string
  readonly answerFile: string
}

async function replay({ root, bundleFile, historyFile, workflowId }: ReplayOrder): Promise<ReplayAnswer> {
  const { Worker } = createRequire(join(root, 'package.json'))('@temporalio/worker') as typeof import('@temporalio/worker')
  const history: unknown = JSON.parse(readFileSync(historyFile, 'utf8'))
  try {
    await Worker.runReplayHistory({ workflowBundle: { codePath: bundleFile } }, history, workflowId)
    return { replays: true }
  } catch (error) {
    if (!(error instanceof Error) || !['DeterminismViolationError', 'ReplayError'].includes(error.name)) throw error
    return { replays: false, problem: error.message }
  }
}

const order = JSON.parse(readFileSync(0, 'utf8')) as ReplayOrder
writeFileSync(order.answerFile, JSON.stringify(await replay(order)))
