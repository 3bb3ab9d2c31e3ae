import { atLeast, versions } from './places.mjs'
import { SetupError } from './progress.mjs'

/** The version that runs this is the one that runs everything. */
export function checkNode(progress) {
  const version = process.versions.node
  progress.begin(`node ${version.split('.').slice(0, 2).join('.')}`)
  if (process.platform !== 'linux') {
    throw new SetupError('platform', `Muster runs on Linux; this is ${process.platform}`, [])
  }
  const { minimum } = versions.node
  if (!atLeast(version, minimum)) {
    throw new SetupError('node', `version ${version} is older than ${minimum}; install Node 22 or 24`, [])
  }
  progress.done()
}
