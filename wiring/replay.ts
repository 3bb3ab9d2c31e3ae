/** Replays archived histories: with the code of today, and with the code and the SDK that a kit names. */
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createHash } from 'node:crypto'
import { runTool } from '../adapters/process/run-tool.ts'
import type { Replayer } from '../clients/audit-replay.ts'
import { MusterError } from '../domain/failures.ts'
import type { ReplayAnswer } from '../domain/run-history.ts'
import { bundleHash, modulePath, withoutStubMap, withStubMap } from '../workers/bundle.ts'
import type { ReplayOrder } from '../workers/replay-child.ts'
import { packageRoot } from './package-root.ts'
import type { Places } from './places.ts'
import { installedSdk } from './replay-kits.ts'
import { currentBundle } from './workflow-bundle.ts'

const replaySeconds = 300
const installSeconds = 600

export function createReplayer(places: Places): Replayer {
  return {
    async today() {
      const loaded = await currentBundle()
      const text = 'code' in loaded ? loaded.code : await readFile(loaded.codePath, 'utf8')
      return { code: await bundleHash(loaded), sdk: installedSdk(), bundle: Buffer.from(withoutStubMap(text)), root: packageRoot() }
    },
    install: (kit) => installSdk(join(places.home, 'cache', 'replay'), kit),
    replay: (request) => replayInChild(join(places.home, 'cache'), request),
  }
}

/**
 * A folder with the SDK of a kit in the exact versions of its lock file, whose hashes npm holds the packages to. Done
 * once; no script of a package is run.
 * @throws MusterError PreconditionFailed where npm cannot get it
 */
async function installSdk(cache: string, { sdk, files }: Parameters<Replayer['install']>[0]): Promise<string> {
  const packages = files.get('package.json')
  if (!packages) throw new MusterError('ManifestInvalid', 'the replay kit has no package.json, so that nobody can tell which packages it needs')
  const lock = files.get('package-lock.json')
  const name = `${sdk.replace(/[^\w.-]/g, '_')}-${createHash('sha256')
    .update(packages)
    .update(lock ?? '')
    .digest('hex')
    .slice(0, 12)}`
  const directory = join(cache, name)
  if ((await sdkIn(directory)) === sdk) return directory
  await mkdir(cache, { recursive: true, mode: 0o700 })
  const temporary = await mkdtemp(join(cache, `${name}.`))
  try {
    await writeFile(join(temporary, 'package.json'), onlyTemporal(packages))
    if (lock) await writeFile(join(temporary, 'package-lock.json'), lock)
    await npmInstall(temporary, sdk)
    const found = await sdkIn(temporary)
    if (found !== sdk)
      throw new MusterError('PreconditionFailed', `the packages of the replay kit have version ${found ?? 'no'} of Temporal's SDK, the kit says ${sdk}`)
    await rm(directory, { recursive: true, force: true })
    await rename(temporary, directory)
    return directory
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

/** Of what an installation depends on, what a replay needs. */
function onlyTemporal(packages: Buffer): string {
  const { dependencies = {} } = JSON.parse(packages.toString('utf8')) as { readonly dependencies?: Readonly<Record<string, string>> }
  const wanted = Object.entries(dependencies).filter(([name]) => name.startsWith('@temporalio/') || name === 'protobufjs')
  return JSON.stringify({ name: 'replay', private: true, dependencies: Object.fromEntries(wanted) })
}

async function npmInstall(directory: string, sdk: string): Promise<void> {
  const words = ['install', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  try {
    // Where packages come from, and through which proxy, npm is told by the environment and by files of its own.
    const told = Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && /^(npm_config_|https?_proxy$|no_proxy$)/i.test(entry[0]),
    )
    await runTool('npm', words, { cwd: directory, env: Object.fromEntries(told), timeoutSeconds: installSeconds })
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    throw new MusterError('PreconditionFailed', `version ${sdk} of Temporal's SDK, which this run was made with, could not be installed: ${error.message}`, {
      cause: error,
      hint: 'run it where npm reaches a registry of packages, or with --today: with the code of this installation alone',
    })
  }
}

async function sdkIn(directory: string): Promise<string | null> {
  try {
    await access(join(directory, 'node_modules', '@temporalio', 'worker', 'package.json'))
    return (JSON.parse(await readFile(join(directory, 'node_modules', '@temporalio', 'worker', 'package.json'), 'utf8')) as { readonly version: string })
      .version
  } catch {
    return null
  }
}

async function replayInChild(cache: string, { root, bundle, history, workflowId }: Parameters<Replayer['replay']>[0]): Promise<ReplayAnswer> {
  await mkdir(cache, { recursive: true, mode: 0o700 })
  const room = await mkdtemp(join(cache, 'replaying-'))
  const order: ReplayOrder = {
    root,
    workflowId,
    bundleFile: join(room, 'workflow-bundle.js'),
    historyFile: join(room, 'history.json'),
    answerFile: join(room, 'answer.json'),
  }
  try {
    await writeFile(order.bundleFile, withStubMap(bundle.toString('utf8')))
    await writeFile(order.historyFile, history)
    await runTool(process.execPath, childWords(), { cwd: packageRoot(), stdin: JSON.stringify(order), stdout: 'discard', timeoutSeconds: replaySeconds })
    return JSON.parse(await readFile(order.answerFile, 'utf8')) as ReplayAnswer
  } finally {
    await rm(room, { recursive: true, force: true })
  }
}

/** The child, built or from the sources. */
function childWords(): readonly string[] {
  const script = modulePath('./replay-child')
  return script.endsWith('.ts') ? ['--import', createRequire(import.meta.url).resolve('tsx'), script] : [script]
}
