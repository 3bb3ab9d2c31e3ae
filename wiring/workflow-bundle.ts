import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { buildWorkflowBundle, type LoadedBundle } from '../workers/bundle.ts'
import { packageRoot } from './package-root.ts'

/** The prebuilt bundle; built on the spot where there is none. */
export async function loadBundle(): Promise<LoadedBundle> {
  const codePath = join(packageRoot(), 'dist', 'workflow-bundle.js')
  return existsSync(codePath) ? { codePath } : currentBundle()
}

/** The bundle of exactly the code that runs here: from the sources it is built, whatever was built before. */
export async function currentBundle(): Promise<LoadedBundle> {
  if (import.meta.url.endsWith('.js')) return { codePath: join(packageRoot(), 'dist', 'workflow-bundle.js') }
  const { DefaultLogger } = await import('@temporalio/worker')
  return buildWorkflowBundle(new DefaultLogger('ERROR'))
}
