import { existsSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The top of the project. */
export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** Every pinned version. */
export const versions = JSON.parse(readFileSync(join(root, 'scripts', 'versions.json'), 'utf8'))

/** What is built or downloaded once for all clones of one user. */
export const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'muster')

/** Where a tool lies whatever way it came: a binary, or a link to the one on PATH. */
export function toolPath(name) {
  return join(cache, 'tools', `${name}-v${versions[name].version}`, name)
}

/** The program as PATH gives it; undefined where there is none. */
export function onPath(name) {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter(Boolean)
    .map((directory) => join(directory, name))
    .find((path) => existsSync(path) && statSync(path).isFile() && (statSync(path).mode & 0o111) !== 0)
}

/** Whether a version is at least another: `1.26.8` and `1.21`. */
export function atLeast(version, minimum) {
  const [have, want] = [version, minimum].map((text) => String(text).split('.').map(Number))
  for (const [place, number] of want.entries()) {
    if ((have[place] ?? 0) !== number) return (have[place] ?? 0) > number
  }
  return true
}
