/**
 * The workflow bundle: built once, the same bytes from any folder, so that its hash names the code a run was made
 * with. A stub stands in for the source map, which would carry this machine's paths.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Logger } from '@temporalio/worker'

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

const mapComment = `\n//# sourceMappingURL=data:application/json;base64,${stubMap}\n`

/** Code as a worker loads it: with the stub, which the SDK insists on. */
export function withStubMap(code: string): string {
  return `${code}${mapComment}`
}

/** The code of a bundle without the stub: what is hashed. */
export function withoutStubMap(bundle: string): string {
  return bundle.endsWith(mapComment) ? bundle.slice(0, -mapComment.length) : bundle
}

/** A bundle as workers take it: its text, or the file that has it. */
export type LoadedBundle = { readonly code: string } | { readonly codePath: string }

/** SHA-256 of a bundle's code without its source map. */
export async function bundleHash(bundle: LoadedBundle): Promise<string> {
  const text = 'code' in bundle ? bundle.code : await readFile(bundle.codePath, 'utf8')
  return createHash('sha256').update(withoutStubMap(text)).digest('hex')
}

export async function buildWorkflowBundle(logger?: Logger): Promise<WorkflowBundle> {
  const workflowsPath = modulePath('../workflows/index')
  const { code } = await (await import('@temporalio/worker')).bundleWorkflowCode({
    workflowsPath,
    failureConverterPath: modulePath('./failure-converter'),
    ...(logger && { logger }),
    webpackConfigHook: (config) => ({ ...config, context: dirname(dirname(workflowsPath)), devtool: false }),
  })
  return { code: withStubMap(code), hash: createHash('sha256').update(code).digest('hex') }
}
