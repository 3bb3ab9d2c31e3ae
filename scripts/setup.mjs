// Installs what is missing for demo, tests and development; a second run only looks. Plain JavaScript
// without dependencies, since it runs before there are any. `--quiet-when-done` says nothing when nothing is missing.
import { buildSources } from './setup/build-sources.mjs'
import { takeLock } from './setup/lock.mjs'
import { checkNode } from './setup/node.mjs'
import { ensurePackages } from './setup/npm-packages.mjs'
import { Progress, SetupError } from './setup/progress.mjs'
import { ensureRoute53Emulator } from './setup/route53-emulator.mjs'
import { ensureS3Server } from './setup/s3-server.mjs'
import { ensureSystemPrograms } from './setup/system-programs.mjs'
import { ensureTemporal } from './setup/temporal.mjs'

const progress = new Progress('Setting up', { quiet: process.argv.includes('--quiet-when-done') })
let release = () => {}
try {
  checkNode(progress)
  release = await takeLock(progress)
  await ensureSystemPrograms(progress)
  await ensurePackages(progress)
  await ensureTemporal(progress)
  await ensureS3Server(progress)
  await ensureRoute53Emulator(progress)
  await buildSources(progress)
  progress.end()
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  progress.fail(error)
  process.exitCode = 1
} finally {
  release()
}
