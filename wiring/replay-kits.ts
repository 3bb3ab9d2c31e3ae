/**
 * What replays the runs that this host's workflow workers decide: kept beside the state from the moment a worker
 * starts, so that runs of an older release find theirs after an upgrade.
 */
import { randomBytes } from 'node:crypto'
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { KitFile } from '../domain/audit.ts'
import type { LocalKit } from '../repository/replay-kits.ts'
import { bundleHash, type LoadedBundle, withoutStubMap } from '../workers/bundle.ts'
import { packageRoot, versionOf } from './package-root.ts'
import type { Places } from './places.ts'

const names: readonly KitFile['name'][] = ['workflow-bundle.js', 'package.json', 'package-lock.json']
const factsName = 'facts.json'

function kitDirectory(places: Places, code: string): string {
  return join(places.home, 'kits', code)
}

/** Keeps what replays the runs of a bundle; once for each. @param root of the installation whose worker decides with it */
export async function saveReplayKit(places: Places, bundle: LoadedBundle, root: string = packageRoot()): Promise<void> {
  const code = await bundleHash(bundle)
  const directory = kitDirectory(places, code)
  if (await isThere(directory)) return
  const text = 'code' in bundle ? bundle.code : await readFile(bundle.codePath, 'utf8')
  const temporary = `${directory}.${randomBytes(4).toString('hex')}`
  await mkdir(temporary, { recursive: true, mode: 0o700 })
  try {
    await writeFile(join(temporary, 'workflow-bundle.js'), withoutStubMap(text))
    for (const name of ['package.json', 'package-lock.json']) {
      const content = await readFile(join(root, name)).catch(() => null)
      if (content) await writeFile(join(temporary, name), content)
    }
    await writeFile(join(temporary, factsName), JSON.stringify({ muster: versionOf(root), node: process.versions.node, sdk: installedSdk(root) }))
    await rename(temporary, directory)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    // Another worker of this host was faster.
    if (!(await isThere(directory))) throw error
  }
}

/** Null where no worker of this host ever ran the code. */
export async function findReplayKit(places: Places, code: string): Promise<LocalKit | null> {
  const directory = kitDirectory(places, code)
  const facts = await readFile(join(directory, factsName), 'utf8').catch(() => null)
  if (facts === null) return null
  const files = await Promise.all(names.map(async (name) => ({ name, content: await readFile(join(directory, name)).catch(() => null) })))
  const { muster, node, sdk } = JSON.parse(facts) as Pick<LocalKit, 'muster' | 'node' | 'sdk'>
  return { code, muster, node, sdk, files: files.flatMap(({ name, content }) => (content ? [{ name, content }] : [])) }
}

/** Version of Temporal's SDK that an installation has. */
export function installedSdk(root: string = packageRoot()): string {
  const require = createRequire(join(root, 'package.json'))
  return (require('@temporalio/worker/package.json') as { readonly version: string }).version
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
