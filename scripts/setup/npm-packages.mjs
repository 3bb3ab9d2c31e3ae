import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, versions } from './places.mjs'
import { SetupError } from './progress.mjs'
import { run, tail } from './run.mjs'

const lockFile = join(root, 'package-lock.json')
const installedFile = join(root, 'node_modules', '.package-lock.json')
/** The hash of the lock file that node_modules was made from. */
const hashFile = join(root, 'node_modules', '.muster-lock')
const npmCi = ['ci', '--include=dev', '--no-fund', '--no-audit']

/** Installs exactly what package-lock.json names, when that is not what is there. */
export async function ensurePackages(progress) {
  progress.begin('npm packages')
  if (isInstalled()) return progress.done()
  progress.note('installing')
  const started = Date.now()
  const result = await install(progress)
  if (result.code !== 0) {
    throw new SetupError('npm packages', `npm ci ended with ${result.code}\n    ${reason(result.output)}`, ['npm ci'])
  }
  writeFileSync(hashFile, lockHash())
  progress.done(`(${Math.round((Date.now() - started) / 1000)} s)`)
}

/** Newer npms want every other platform's optional package in the lock file, which not every registry has. */
async function install(progress) {
  const options = { cwd: root, timeoutSeconds: 900 }
  const result = await run('npm', npmCi, options)
  if (result.code === 0 || !/Missing: .* from lock file/.test(result.output)) return result
  const { fallback } = versions.npm
  progress.note(`again with npm ${fallback}`)
  return run('npx', ['--yes', `npm@${fallback}`, ...npmCi], options)
}

/** The lines that say why come first; how to use npm and where its log is come after. */
function reason(output) {
  const lines = output.split('\n').filter((line) => /^npm error\s+\S/.test(line))
  return lines.length > 0 ? lines.slice(0, 5).join('\n    ') : tail(output)
}

function isInstalled() {
  if (!existsSync(installedFile)) return false
  if (existsSync(hashFile)) return readFileSync(hashFile, 'utf8') === lockHash()
  // Installed by hand: good when it is what the lock file says.
  const wanted = readPackages(lockFile)
  const installed = readPackages(installedFile)
  const same = Object.entries(wanted).every(
    ([path, entry]) => path === '' || (installed[path] ? installed[path].version === entry.version : entry.optional || entry.devOptional || entry.peer),
  )
  if (same) writeFileSync(hashFile, lockHash())
  return same
}

function lockHash() {
  return createHash('sha256').update(readFileSync(lockFile)).digest('hex')
}

function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages ?? {}
}
