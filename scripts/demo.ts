/**
 * `npm run demo`: a real shop is protected, damaged, lost and recovered, on this machine, in about two minutes.
 *   --keep   leaves everything running
 *   --stop   ends what runs
 */
import { relative } from 'node:path'
import { explain } from '../clients/cli/output.ts'
import { showFigures } from './demo/figures.ts'
import { forgetRunning, leaveRunning } from './demo/keep.ts'
import { type DemoPlaces, demoPlaces, keepLogs, preparePlaces, removeData } from './demo/places.ts'
import { endEverything, endOther, takePlace } from './demo/processes.ts'
import { runDemo } from './demo/steps.ts'
import { createTeller } from './demo/tell.ts'

const tell = createTeller()
const known = ['--keep', '--stop']
const options = process.argv.slice(2)
process.exit(await main())

async function main(): Promise<number> {
  const unknown = options.find((one) => !known.includes(one))
  if (unknown !== undefined) {
    process.stderr.write(`the demo has no option ${unknown}; there are ${known.join(' and ')}\n`)
    return 2
  }
  const places = await demoPlaces()
  return options.includes('--stop') ? stop(places) : demonstrate(places)
}

async function stop(places: DemoPlaces): Promise<number> {
  await endOther(places)
  const ended = await endEverything(places)
  await keepLogs(places)
  await removeData(places)
  await forgetRunning(places)
  tell.plain(ended > 0 ? '  the demo is stopped' : '  no demo was running')
  return 0
}

async function demonstrate(places: DemoPlaces): Promise<number> {
  let leave = false
  let code = 1
  const interrupted = interruption()
  const giveBack = await takePlace(places).catch((error: unknown) => {
    process.stderr.write(`${explain(error).message}\n`)
    return null
  })
  if (giveBack === null) return 1
  try {
    code = await Promise.race([interrupted, carryOut(places)])
    leave = options.includes('--keep') && code !== 130
  } catch (error) {
    const { message, hint, type } = explain(error)
    process.stderr.write(`\n  the demo failed: ${message}\n${type === 'MusterBug' ? '' : `  ${hint}\n`}`)
  } finally {
    await tidyUp(places, leave, code)
    await giveBack()
  }
  return code
}

async function carryOut(places: DemoPlaces): Promise<number> {
  await endEverything(places)
  await forgetRunning(places)
  await preparePlaces(places)
  const { stage, report } = await runDemo(places, tell)
  showFigures(report, tell, relative(process.cwd(), places.report))
  const last = report.workflows.findLast(({ type }) => type === 'restoreSystem')
  const keep = options.includes('--keep')
  if (last) tell.line('See it', `${report.temporalUi}/namespaces/default/workflows/${encodeURIComponent(last.id)}/${last.runId}`)
  if (keep) await leaveRunning(stage, tell)
  else tell.line('See it', 'it ends now; keep it running to look around: npm run demo -- --keep')
  return report.ok ? 0 : 1
}

/** Ctrl-C ends the demo with everything that it started. */
function interruption(): Promise<number> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        process.stderr.write('\n  stopping …\n')
        resolve(130)
      })
    }
  })
}

async function tidyUp(places: DemoPlaces, leave: boolean, code: number): Promise<void> {
  if (leave) {
    await keepLogs(places)
    return
  }
  await endEverything(places)
  const logs = await keepLogs(places)
  if (code === 1) process.stderr.write(`  data is left in ${places.base}, logs in ${logs}\n`)
  else await removeData(places)
}
