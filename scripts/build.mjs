// Compiles the sources into dist/ and bundles the workflows beside them, so that `muster` starts without a compiler.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from './setup/places.mjs'
import { run, tail } from './setup/run.mjs'

const dist = join(root, 'dist')
const stampFile = join(dist, '.build-hash')
const project = join(root, 'tsconfig.build.json')
const { include } = JSON.parse(readFileSync(project, 'utf8'))

/** Whether dist/ was built from exactly the sources that are there now. */
export function isBuilt() {
  return existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp(sources())
}

/** Builds; null when all is well, else what is wrong. */
export async function build() {
  const files = sources()
  const before = stamp(files)
  // An interrupted build must not look like a finished one.
  rmSync(stampFile, { force: true })
  const compiled = await run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', project], {
    cwd: root,
    timeoutSeconds: 600,
  })
  if (compiled.code !== 0) return `tsc ended with ${compiled.code}\n    ${tail(compiled.output, 8)}`
  removeOrphans(files)
  const bundler = join(dist, 'scripts', 'bundle-workflows.js')
  if (existsSync(join(root, 'workflows', 'index.ts')) && existsSync(bundler)) {
    const bundled = await run(process.execPath, [bundler], { cwd: root, timeoutSeconds: 300 })
    if (bundled.code !== 0) return `bundling the workflows ended with ${bundled.code}\n    ${tail(bundled.output, 8)}`
  }
  mkdirSync(dist, { recursive: true })
  writeFileSync(stampFile, before)
  return null
}

function sources() {
  const found = []
  const visit = (directory) => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name)
      if (entry.isDirectory()) visit(path)
      else if (entry.name.endsWith('.ts')) found.push(path)
    }
  }
  for (const room of include) if (existsSync(join(root, room))) visit(join(root, room))
  return found.toSorted((one, other) => (one < other ? -1 : 1))
}

/** Content rather than times: a checkout changes only those. The tree is small enough to read at every start. */
function stamp(files) {
  const hash = createHash('sha256')
  for (const file of [...files, project, join(root, 'tsconfig.json'), join(root, 'package-lock.json'), fileURLToPath(import.meta.url)]) {
    const content = readFileSync(file)
    hash.update(`${relative(root, file)} ${content.length}\n`).update(content)
  }
  return hash.digest('hex')
}

/** What is left of a source that went away would still be found by whoever loads a folder. */
function removeOrphans(files) {
  const wanted = new Set(files.map((file) => relative(root, file).replace(/\.ts$/, '')))
  for (const room of include) {
    const visit = (directory) => {
      for (const entry of readdirSync(directory, { withFileTypes: true })) {
        const path = join(directory, entry.name)
        if (entry.isDirectory()) visit(path)
        else if (/\.js(\.map)?$/.test(entry.name)) {
          if (!wanted.has(relative(dist, path).replace(/\.js(\.map)?$/, ''))) rmSync(path)
        }
      }
    }
    if (existsSync(join(dist, room))) visit(join(dist, room))
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problem = await build()
  if (problem !== null) {
    process.stderr.write(`build: ${problem}\n`)
    process.exitCode = 1
  }
}
