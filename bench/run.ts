/**
 * `npm run bench -- NAME [--option value …] [--strict]`: runs one bench by hand. The table goes to standard error, the
 * same as JSON to standard output. Exit code 1 when the bench failed, or with `--strict` when a target is missed; 2 when it was
 * called wrongly.
 */
import { availableParallelism, loadavg, totalmem } from 'node:os'
import { inspect } from 'node:util'
import { benches } from './benches.ts'
import { cleanUp } from './clean-up.ts'
import { parseCommandLine, type Request } from './command-line.ts'
import { isMet, render } from './figures.ts'
import { say } from './say.ts'

const request = parseCommandLine(process.argv.slice(2), Object.fromEntries(Object.entries(benches).map(([name, { options }]) => [name, options])))
if (typeof request === 'string') {
  say(request)
  process.exitCode = 2
} else {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void interrupted())
  process.exitCode = await run(request)
}

async function run({ bench, options, strict }: Request): Promise<number> {
  const startedAt = new Date().toISOString()
  const loadAtStart = loadavg()[0]
  try {
    const result = await (benches[bench] as (typeof benches)[string]).run(options)
    say(`\n${render(bench, result)}`)
    const targets = result.targets.map((target) => ({ ...target, met: isMet(target) }))
    const machine = { cores: availableParallelism(), memoryBytes: totalmem(), node: process.version, loadAtStart }
    const report = { bench, startedAt, endedAt: new Date().toISOString(), machine, options, targets, notes: result.notes, figures: result.figures }
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
    return strict && targets.some(({ met }) => !met) ? 1 : 0
  } catch (error) {
    say(`${bench} failed: ${inspect(error, { depth: 4 })}`)
    return 1
  } finally {
    for (const failure of await cleanUp()) say(`not everything could be cleaned up: ${String(failure)}`)
  }
}

async function interrupted(): Promise<void> {
  say('interrupted; cleaning up')
  await cleanUp()
  process.exit(130)
}
