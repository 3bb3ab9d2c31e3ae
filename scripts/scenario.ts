/**
 * `npm run scenario -- two-sites`: a shop moves between two sites on real parts, once because its primary is killed, and once
 * because its link is cut while it lives and goes on committing. As root, since sites are network namespaces.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { relative } from 'node:path'
import { createTeller } from './demo/tell.ts'
import { ownCommand } from './demo/programs.ts'
import { shipEverySeconds } from './scenario/config-text.ts'
import { showFigures } from './scenario/figures.ts'
import { leaveStanding } from './scenario/keep.ts'
import { createNetwork, on, removeNetwork } from './scenario/network.ts'
import { parseOptions, type Plot, type ScenarioOptions, usage } from './scenario/options.ts'
import { keepLogs, preparePlaces, removeData, scenarioPlaces } from './scenario/places.ts'
import { refuseWhereImpossible } from './scenario/preconditions.ts'
import type { RunReport, ScenarioReport } from './scenario/report.ts'
import { removeSharedMemory } from './scenario/kernel-memory.ts'
import { takePlace } from './scenario/take-place.ts'

const tell = createTeller()
const places = scenarioPlaces()
const running: { inside: ChildProcess | null; interrupted: boolean } = { inside: null, interrupted: false }
process.exit(await main())

async function main(): Promise<number> {
  let options: ScenarioOptions
  try {
    options = parseOptions(process.argv.slice(2))
    await refuseWhereImpossible()
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${usage}`)
    return 2
  }
  await mkdir(places.outcome, { recursive: true })
  const giveBack = await takePlace(places.outcome).catch((error: Error) => {
    process.stderr.write(`${error.message}\n`)
    return null
  })
  if (giveBack === null) return 1
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt)
  try {
    if (options.stop) {
      await tearDown()
      tell.plain('  nothing of the scenario runs any more')
      return 0
    }
    return await carryOut(options)
  } finally {
    await giveBack()
  }
}

async function carryOut(options: ScenarioOptions): Promise<number> {
  const startedAt = Date.now()
  // The report of an earlier run must not look like this one's.
  await rm(places.report, { force: true })
  const runs: RunReport[] = []
  for (const [index, plot] of options.runs.entries()) {
    const run = await oneRun(plot, options, index === options.runs.length - 1)
    if (run === null) return running.interrupted ? 130 : 1
    runs.push(run)
  }
  const report: ScenarioReport = {
    scenario: 'two-sites',
    ok: runs.every(({ ok }) => ok),
    startedAt: new Date(startedAt).toISOString(),
    seconds: (Date.now() - startedAt) / 1000,
    shipEverySeconds,
    runs,
  }
  await writeFile(places.report, `${JSON.stringify(report, null, 2)}\n`)
  showFigures(report, tell, relative(process.cwd(), places.report))
  return report.ok ? 0 : 1
}

/** @returns null where it failed or was interrupted */
async function oneRun({ loss, mode }: Plot, { keep, megabytes }: ScenarioOptions, isLast: boolean): Promise<RunReport | null> {
  tell.plain()
  tell.plain(`  ── Primary ${loss}, mode ${mode} ──`)
  try {
    await tearDown()
    if (running.interrupted) return null
    await preparePlaces(places)
    await createNetwork()
    const code = await runInside({ loss, mode }, megabytes)
    const run = code === 0 ? (JSON.parse(await readFile(places.found, 'utf8')) as RunReport) : null
    const logs = await keepLogs(places, loss)
    if (run === null || !run.ok) process.stderr.write(`  logs are in ${relative(process.cwd(), logs)}\n`)
    return run
  } catch (error) {
    process.stderr.write(`\n  the scenario failed: ${error instanceof Error ? error.message : String(error)}\n`)
    return null
  } finally {
    if (keep && isLast && !running.interrupted) leaveStanding(places, { loss, mode }, tell)
    else await tearDown()
  }
}

function runInside({ loss, mode }: Plot, megabytes: number): Promise<number | null> {
  const [program, ...args] = [...on('third'), ...ownCommand('scripts/scenario/inside'), loss, mode, String(megabytes)] as const
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  running.inside = child
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
}

async function tearDown(): Promise<void> {
  await removeNetwork()
  await removeSharedMemory(places)
  await removeData(places)
}

function interrupt(): void {
  if (!running.interrupted) process.stderr.write('\n  stopping …\n')
  running.interrupted = true
  running.inside?.kill('SIGKILL')
}
