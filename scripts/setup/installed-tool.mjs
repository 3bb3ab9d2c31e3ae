import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { onPath, toolPath } from './places.mjs'
import { run } from './run.mjs'

/**
 * Puts a tool where everything looks for it: PATH when its version fits, else what is there already, else the
 * first way of `ways` that brings it. Each way gets an empty directory and answers the path of the binary, or
 * null when it cannot be had that way; the last one throws instead.
 * @param {{ name: string, label: string, fits: (output: string) => boolean }} tool
 *   `fits` judges what `--version` prints of a program that we did not install
 */
export async function ensureTool(progress, tool, ways) {
  progress.begin(tool.label)
  const path = toolPath(tool.name)
  const here = onPath(tool.name)
  if (here !== undefined && here !== path && tool.fits((await run(here, ['--version'])).output)) {
    linkTo(here, path)
    return progress.done()
  }
  if (!isLink(path) && (await run(path, ['--version'])).code === 0) return progress.done()
  const started = Date.now()
  mkdirSync(dirname(path), { recursive: true })
  removeDrafts(dirname(path))
  const draft = mkdtempSync(join(dirname(path), 'draft-'))
  try {
    for (const way of ways) {
      const binary = await way(draft)
      if (binary === null) continue
      renameSync(binary, path)
      return progress.done(`(${Math.round((Date.now() - started) / 1000)} s)`)
    }
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

/** What a set-up left that was ended in the middle: gigabytes of build cache. The lock keeps any other one away. */
function removeDrafts(directory) {
  for (const name of readdirSync(directory)) {
    if (name.startsWith('draft-')) rmSync(join(directory, name), { recursive: true, force: true })
  }
}

function isLink(path) {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false
}

/** Everything looks in one place; a newer program on PATH of the same version is followed. */
function linkTo(target, path) {
  if (isLink(path) && readlinkSync(path) === target) return
  if (existsSync(path) && !isLink(path)) return
  mkdirSync(dirname(path), { recursive: true })
  const draft = `${path}.link`
  rmSync(draft, { force: true })
  symlinkSync(target, draft)
  renameSync(draft, path)
}
