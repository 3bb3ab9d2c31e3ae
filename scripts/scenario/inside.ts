/**
 * One run, in the third place: where people are who reach both sites. Started by scripts/scenario.ts, which made the network and
 * removes it.
 * Usage: inside LOSS MODE MEGABYTES
 */
import { writeFile } from 'node:fs/promises'
import { explain } from '../../clients/cli/output.ts'
import { createTeller } from '../demo/tell.ts'
import { loss, mode } from './options.ts'
import { scenarioPlaces } from './places.ts'
import { runScenario } from './run.ts'

const [how, from, megabytes] = process.argv.slice(2)
const places = scenarioPlaces()
try {
  const report = await runScenario(places, { loss: loss(how), mode: mode(from) }, Number(megabytes), createTeller())
  await writeFile(places.found, JSON.stringify(report))
  process.exit(0)
} catch (error) {
  const { message, hint, type } = explain(error)
  process.stderr.write(`\n  the run failed: ${message}\n${type === 'MusterBug' ? `${String((error as Error).stack)}\n` : `  ${hint}\n`}`)
  process.exit(1)
}
