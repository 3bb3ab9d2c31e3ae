/** The WAL shipper of each host that is this one: without it nothing newer than the last backup comes back. */
import { shipperRequest } from '../../adapters/component/postgresql/shipper-client.ts'
import { formatDuration } from '../../domain/durations.ts'
import { MusterError } from '../../domain/failures.ts'
import { shipperSocket } from '../places.ts'
import type { Examined, Findings } from './findings.ts'

export async function examineShippers(findings: Findings, { places, config, hosts, systems, applied }: Examined): Promise<void> {
  for (const host of hosts) {
    const databases = systems.flatMap((system) =>
      Object.entries(config.systems[system]?.components ?? {}).flatMap(([component, found]) =>
        found.type === 'postgresql' && found.host === host ? [{ system, component }] : [],
      ),
    )
    if (databases.length === 0) continue
    const about = `WAL shipper of ${host}`
    const status = await shipperRequest(shipperSocket(places, host), 'status', undefined).catch((error: unknown) => {
      if (!(error instanceof MusterError)) throw error
      findings.later(applied, about, applied ? `${error.message}: WAL is not being stored` : 'it does not run yet', 'muster up')
      return null
    })
    if (!status) continue
    for (const { system, component } of databases) {
      const one = status.instances.find((instance) => instance.system === system && instance.component === component)
      if (!one) findings.problem(about, `it does not know ${system}/${component}`, 'it runs with an older configuration: muster apply, then start it again')
      else if (one.state !== 'streaming')
        findings.problem(about, `${system}/${component} is ${one.state}${one.problem ? `: ${one.problem}` : ''}`, 'mend what it names; it goes on by itself')
      else
        findings.ok(
          about,
          `${system}/${component} streams; ${one.stores.map(({ store, lagSeconds }) => `${store} ${lagSeconds === null ? 'unknown' : `−${formatDuration(lagSeconds)}`}`).join(', ')}`,
        )
      for (const { store, problem } of one?.stores ?? [])
        if (problem !== null)
          findings.problem(about, `${system}/${component} does not reach ${store}: ${problem}`, `mend the store ${store}; what is missing is shipped then`)
    }
  }
}
