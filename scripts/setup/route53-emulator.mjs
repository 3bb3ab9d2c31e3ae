import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { toolPath, versions } from './places.mjs'
import { SetupError } from './progress.mjs'
import { run, tail } from './run.mjs'

const label = 'route 53 emulator'
const folder = dirname(toolPath('moto'))
/** Written last: what it stands beside is whole. A Python environment cannot be made elsewhere and moved. */
const stamp = join(folder, 'packages.txt')

/** The emulator of Route 53 that tests use (moto), in a Python environment of its own. */
export async function ensureRoute53Emulator(progress) {
  progress.begin(label)
  const wanted = versions.moto.packages.join('\n')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return progress.done()
  progress.note('installing')
  const started = Date.now()
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
  mkdirSync(folder, { recursive: true })
  await step('python3', ['-m', 'venv', folder])
  await step(join(folder, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', ...versions.moto.packages])
  writeFileSync(stamp, wanted)
  progress.done(`(${Math.round((Date.now() - started) / 1000)} s)`)
}

/** Ends with us: what goes on after a kill would write into the environment that the next run makes. */
async function step(program, args) {
  const result = await run('setpriv', ['--pdeathsig', 'KILL', program, ...args], { timeoutSeconds: 600 })
  if (result.code === 0) return
  const why = result.code === 124 ? 'took longer than 10 min' : `ended with ${result.code}`
  throw new SetupError(label, `${[program, ...args].join(' ')} ${why}\n    ${tail(result.output)}`, [
    `python3 -m venv ${folder}`,
    `${join(folder, 'bin', 'pip')} install ${versions.moto.packages.join(' ')}`,
    'npm run setup',
  ])
}
