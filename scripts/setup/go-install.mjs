import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { atLeast, onPath, versions } from './places.mjs'
import { SetupError } from './progress.mjs'
import { run, tail } from './run.mjs'

/**
 * Builds a program from its module, whose content Go's checksum database vouches for. The module and build
 * caches are the user's where there are any; otherwise they go away with `draft`.
 * @param {{ label: string, name: string, about: string }} what
 */
export function goInstall(progress, what) {
  return async (draft) => {
    const { goPackage } = versions[what.name]
    const go = await findGo(what, goPackage)
    progress.note(`building once, ${what.about}`)
    const env = { ...process.env, GOBIN: draft, CGO_ENABLED: '0', GOTOOLCHAIN: 'auto', GO111MODULE: 'on', GOFLAGS: '' }
    for (const variable of ['GOOS', 'GOARCH']) delete env[variable]
    for (const [variable, path] of Object.entries(await cachesOf(go))) {
      if (existsSync(path)) continue
      env[variable] = join(draft, variable)
      // Module files are read-only otherwise, and could not be removed.
      env.GOFLAGS = '-modcacherw'
    }
    const result = await run(go, ['install', goPackage], { cwd: draft, env, timeoutSeconds: 1800 })
    if (result.code !== 0) {
      const why = result.code === 124 ? 'took longer than 30 min' : `ended with ${result.code}`
      throw new SetupError(what.label, `go install ${why}\n    ${tail(result.output)}`, [`go install ${goPackage}    # then put it on PATH`])
    }
    return join(draft, what.name)
  }
}

async function findGo(what, goPackage) {
  const { minimum } = versions.go
  const go = onPath('go') ?? ['/usr/local/go/bin/go', '/usr/lib/go/bin/go'].find((path) => existsSync(path))
  const why = `no ready program could be had, and building it needs Go ${minimum} or newer`
  const commands = [`# install Go ${minimum} or newer, or put ${what.name} ${versions[what.name].version} on PATH, then`, 'npm run setup']
  if (go === undefined) throw new SetupError(what.label, `${why}, which is not on PATH (${goPackage})`, commands)
  const version = /go(\d+(?:\.\d+)*)/.exec((await run(go, ['version'], { env: localToolchain() })).output)?.[1]
  if (version === undefined || !atLeast(version, minimum)) {
    throw new SetupError(what.label, `${why}; ${go} is ${version ?? 'of an unknown version'}`, commands)
  }
  return go
}

async function cachesOf(go) {
  const { output } = await run(go, ['env', '-json', 'GOMODCACHE', 'GOCACHE'], { env: localToolchain() })
  try {
    return JSON.parse(output)
  } catch {
    return { GOMODCACHE: '', GOCACHE: '' }
  }
}

function localToolchain() {
  return { ...process.env, GOTOOLCHAIN: 'local' }
}
