/** Builds the workflow bundle into dist/, with its hash beside it. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildWorkflowBundle } from '../workers/bundle.ts'
import { packageRoot } from '../wiring/agent.ts'

const { code, hash } = await buildWorkflowBundle()
await writeFile(join(packageRoot(), 'dist', 'workflow-bundle.js'), code)
await writeFile(join(packageRoot(), 'dist', 'workflow-bundle.hash'), `${hash}\n`)
