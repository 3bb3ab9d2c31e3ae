/**
 * The workflow bundle: built once, the same bytes from any folder, so that its hash names the code a run was made
 * with. A stub stands in for the source map, which would carry this machine's paths.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, type Logger } from '@temporalio/worker'

const stubMap = Buffer.from('{"version":3,"file":"workflow-bundle.js","sources":[],"names":[],"mappings":""}').toString('base64')

export interface WorkflowBundle {
  readonly code: string
  /** SHA-256 of the code without its source map. */
  readonly hash: string
}

/** A sibling module's file: `.ts` when run from the sources, `.js` when built. */
export function modulePath(relative: string): string {
  const built = fileURLToPath(new URL(`${relative}.js`, import.meta.url))
  return existsSync(built) ? built : fileURLToPath(new URL(`${relative}.ts`, import.meta.url))
}

export async function buildWorkflowBundle(logger?: Logger): Promise<WorkflowBundle> {
  const workflowsPath = modulePath('../workflows/index')
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    failureConverterPath: modulePath('./failure-converter'),
    ...(logger && { logger }),
    webpackConfigHook: (config) => ({ ...config, context: dirname(dirname(workflowsPath)), devtool: false }),
  })
  return { code: `${code}\n//# sourceMappingURL=data:application/json;base64,${stubMap}\n`, hash: createHash('sha256').update(code).digest('hex') }
}
