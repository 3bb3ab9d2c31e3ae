/** Muster at a site: its agent and WAL shipper in processes of their own, and the command line of whoever works there. */
import type { ProcessIdentity } from '../../adapters/process/process.ts'
import { shipperRequest } from '../../adapters/component/postgresql/shipper-client.ts'
import { shipperSocket } from '../../wiring/places.ts'
import { ownCommand } from '../demo/programs.ts'
import { runOn, startOn } from './machine.ts'
import type { ScenarioPlaces, SiteName } from './places.ts'
import { untilAnswered } from './third-place.ts'

/** Workflow code runs at the DR site: it must not be lost with the primary. */
const roles: Readonly<Record<SiteName, readonly string[]>> = { primary: ['--site-queue'], dr: ['--all'] }

export interface Answer<T> {
  readonly exitCode: number
  /** What `--json` printed. */
  readonly result: T & { readonly error?: { readonly type: string; readonly message: string; readonly hint: string } }
}

export async function startAgent(places: ScenarioPlaces, site: SiteName): Promise<ProcessIdentity> {
  const words = ['worker', '--host', places.sites[site].host, '--site', site, ...roles[site]]
  return startOn(places, site, 'worker', [...ownCommand('bin/muster'), ...words], environmentAt(places, site))
}

export async function startShipper(places: ScenarioPlaces, site: SiteName): Promise<ProcessIdentity> {
  const { host, muster } = places.sites[site]
  const started = await startOn(places, site, 'shipper', [...ownCommand('bin/muster'), 'shipper', '--host', host, '--site', site], environmentAt(places, site))
  await untilAnswered(`the WAL shipper of ${site}`, () => shipperRequest(shipperSocket(muster, host), 'status', undefined))
  return started
}

/** One command line with `--json`, whatever its exit code. */
export async function ask<T>(places: ScenarioPlaces, site: SiteName, words: readonly string[], user = 'root'): Promise<Answer<T>> {
  const env = { ...environmentAt(places, site), MUSTER_USER: user }
  const { stdout, stderrTail, exitCode } = await runOn(site, [...ownCommand('bin/muster'), '--json', ...words], { env, anyEnd: true, timeoutSeconds: 600 })
  try {
    return { exitCode, result: JSON.parse(stdout) as Answer<T>['result'] }
  } catch {
    throw new Error(`muster ${words.join(' ')} at ${site} ended with ${exitCode} and printed no JSON: ${stdout}\n${stderrTail}`)
  }
}

/** @throws when it ends with another exit code than 0 */
export async function tell<T>(places: ScenarioPlaces, site: SiteName, words: readonly string[], user?: string): Promise<T> {
  const { exitCode, result } = await ask<T>(places, site, words, user)
  if (exitCode === 0) return result
  throw new Error(
    `muster ${words.join(' ')} at ${site} ended with ${exitCode}: ${result.error?.message ?? JSON.stringify(result)}\n  ${result.error?.hint ?? ''}`,
  )
}

/** Where a command runs behind `muster guard`, as a unit's precondition has it. @returns the exit code and what was said */
export async function guarded(
  places: ScenarioPlaces,
  site: SiteName,
  command: readonly string[],
): Promise<{ readonly exitCode: number; readonly said: string }> {
  const words = ['guard', 'shop', '--host', places.sites[site].host, '--', ...command]
  const { exitCode, stdout, stderrTail } = await runOn(site, [...ownCommand('bin/muster'), ...words], { env: environmentAt(places, site), anyEnd: true })
  return { exitCode, said: `${stdout}${stderrTail}`.trim() }
}

function environmentAt({ sites }: ScenarioPlaces, site: SiteName): Record<string, string> {
  const { configFile, home, keys } = sites[site].muster
  return { MUSTER_CONFIG: configFile, MUSTER_HOME: home, MUSTER_KEYS: keys, TEMPORAL_ADDRESS: process.env['TEMPORAL_ADDRESS'] ?? '' }
}
