import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './places.mjs'
import { SetupError } from './progress.mjs'
import { run, tail } from './run.mjs'

const lockFile = join(root, 'package-lock.json')
const installedFile = join(root, 'node_modules', '.package-lock.json')

/** Installs exactly what package-lock.json names, when that is not what is there. */
export async function ensurePackages(progress) {
  progress.begin('npm packages')
  if (isInstalled()) return progress.done()
  progress.note('installing')
  const result = await run('npm', ['ci', '--include=dev', '--no-fund', '--no-audit'], {
    cwd: root,
    timeoutSeconds: 900,
  })
  if (result.code !== 0) {
    throw new SetupError('npm packages', `npm ci ended with ${result.code}\n    ${tail(result.output)}`, ['npm ci'])
  }
  progress.done()
}

function isInstalled() {
  if (!existsSync(installedFile)) return false
  if (statSync(lockFile).mtimeMs <= statSync(installedFile).mtimeMs) return true
  // Newer, as after every checkout; only another content is a reason to install.
  const wanted = readPackages(lockFile)
  const installed = readPackages(installedFile)
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || (installed[path] ? installed[path].version === entry.version : entry.optional || entry.devOptional || entry.peer),
  )
}

function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages ?? {}
}
