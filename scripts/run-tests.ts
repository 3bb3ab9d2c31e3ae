/**
 * `run-tests.ts PART… [option…]`: the tests of these folders and files of test/, in two runs of mocha beside each other, since most tests
 * wait for something. What follows `npm test --` goes to both, such as `--grep standby`. The second run is told when the first has ended.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createReadStream, existsSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { awaitNoneLeft, besideOthersVariable, labelledProcesses } from '../test/support/left-processes.ts'
import { enterNamespacesUnlessRoot } from '../test/support/ordinary-user.ts'

const mocha = createRequire(import.meta.url).resolve('mocha/bin/mocha.js')

enterNamespacesUnlessRoot()
// An interrupt ends both runs; what the second one had found until then is told all the same.
process.on('SIGINT', () => undefined)
process.exit(await main(process.argv.slice(2)))

async function main(words: readonly string[]): Promise<number> {
  const firstOption = words.findIndex((word) => !existsSync(join('test', word)))
  const [parts, more] = firstOption < 0 ? [words, []] : [words.slice(0, firstOption), words.slice(firstOption)]
  const before = await labelledProcesses()
  const directory = mkdtempSync(join(tmpdir(), 'muster-tests-'))
  const told = join(directory, 'second')
  try {
    const [first, second] = splitInTwo(testFiles(parts))
    const one = startMocha(first, more, 'inherit')
    const other = startMocha(second, more, openSync(told, 'a'))
    const codes = await Promise.all([endOf(one), endOf(other)])
    await pipeline(createReadStream(told), process.stdout, { end: false })
    const left = await awaitNoneLeft(before)
    if (left.length > 0) process.stdout.write(`the tests left processes running: ${left.join(', ')}\n`)
    return Math.max(...codes, left.length > 0 ? 1 : 0)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function testFiles(parts: readonly string[]): readonly string[] {
  return parts.flatMap((part) => (part.endsWith('.test.ts') ? [join('test', part)] : filesIn(part)))
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(join('test', folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
    .map((name) => join('test', folder, name))
}

/** Neighbours by name take about as long as each other. */
function splitInTwo(files: readonly string[]): readonly [readonly string[], readonly string[]] {
  return [files.filter((_file, index) => index % 2 === 0), files.filter((_file, index) => index % 2 === 1)]
}

function startMocha(files: readonly string[], more: readonly string[], output: 'inherit' | number): ChildProcess {
  return spawn(process.execPath, [mocha, ...files, ...more], {
    env: { ...process.env, [besideOthersVariable]: '1' },
    stdio: ['ignore', output, output],
  })
}

/** One that was ended by a signal has failed. */
function endOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}
