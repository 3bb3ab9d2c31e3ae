import { join } from 'node:path'
import { build, isBuilt } from '../build.mjs'
import { root } from './places.mjs'
import { SetupError } from './progress.mjs'

/** Compiles the sources when they changed since the last build. */
export async function buildSources(progress) {
  progress.begin('build')
  if (isBuilt()) return progress.done()
  progress.note('compiling')
  const started = Date.now()
  const problem = await build()
  if (problem !== null) throw new SetupError('build', problem, [`node ${join(root, 'scripts', 'build.mjs')}`])
  progress.done(`(${Math.round((Date.now() - started) / 1000)} s)`)
}
