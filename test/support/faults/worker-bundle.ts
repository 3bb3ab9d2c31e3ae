/** The worker of a sweep as one file: compiling hundreds of modules for each row would take longer than the row. */
import { copyFile, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'

export interface WorkerBundle {
  readonly script: string
  remove(): Promise<void>
}

/** It lies as deep as what it was made of, beside what is loaded by path, with the package's own file and packages above. */
export async function bundleWorker(): Promise<WorkerBundle> {
  const root = new URL('../../..', import.meta.url).pathname
  const place = await mkdtemp(join(tmpdir(), 'muster-fault-worker-'))
  const directory = join(place, 'worker')
  await copyFile(join(root, 'package.json'), join(place, 'package.json'))
  await symlink(join(root, 'node_modules'), join(place, 'node_modules'))
  await build({
    absWorkingDir: root,
    entryPoints: { worker: 'test/support/faults/worker.ts', 'failure-converter': 'workers/failure-converter.ts' },
    outdir: directory,
    bundle: true,
    format: 'esm',
    packages: 'external',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
  })
  return { script: join(directory, 'worker.js'), remove: () => rm(place, { recursive: true }) }
}
