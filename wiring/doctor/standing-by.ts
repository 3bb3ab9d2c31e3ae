/** What systems that are active at another site would be brought to on this host: looked at before it is needed. Starts nothing, and stops nothing. */
import { fenceProblem } from '../../activities/site/try-fence.ts'
import { hasProgram } from '../../adapters/process/launch.ts'
import { runOwnerCommand } from '../../adapters/process/owner-command.ts'
import { createService } from '../../adapters/service/create.ts'
import type { Config, FenceConfig } from '../../domain/config.ts'
import { siteOfSystem } from '../../domain/copies.ts'
import { otherSite, placedSystem, sitesOf } from '../../domain/placement.ts'
import type { Examined, Findings } from './findings.ts'
import { examineDatabaseToBe } from './database-to-be.ts'
import { newestBackups } from './newest-backups.ts'
import { examinePlaceToBe, type ToBe } from './place-to-be.ts'
import type { ExaminedStore } from './stores.ts'

/** @param active the configuration with each system where it is active; `examined` has it as it is written */
export async function examineStandingBy(findings: Findings, examined: Examined, active: Config, stores: ReadonlyMap<string, ExaminedStore>): Promise<void> {
  for (const system of examined.systems) {
    if (sitesOf(examined.config, system).length < 2) continue
    const site = otherSite(examined.config, system, siteOfSystem(active, system))
    const config = placedSystem(examined.config, system, site)
    const { components, services } = config.systems[system] ?? { components: {}, services: [] }
    const here = Object.entries(components).filter(([, { host }]) => examined.hosts.includes(host))
    const newest = here.length > 0 ? await newestBackups(examined, stores, system) : new Map()
    for (const [component, found] of here) {
      const toBe: ToBe = { about: `failover of ${system}/${component} to ${site}`, config, system, component, newest: newest.get(component) ?? null }
      if (toBe.newest === null) findings.warning(toBe.about, 'there is no backup yet that could be restored here', `muster backup ${system}`)
      if (found.type === 'postgresql') await findings.look(toBe.about, () => examineDatabaseToBe(findings, examined, toBe, found), { seconds: 120 })
      else for (const path of found.paths) await findings.look(toBe.about, () => examinePlaceToBe(findings, toBe, path, found))
    }
    const fence = examined.config.systems[system]?.failover?.fence
    if (fence && site === examined.config.systems[system]?.failover?.to && isHere(examined, site)) await examineFence(findings, system, fence)
    for (const service of services.filter(({ host }) => examined.hosts.includes(host))) {
      const about = `failover of service ${system}/${service.name} to ${site}`
      const state = await findings.look(about, () => createService(service).observe())
      if (state === 'stopped') findings.ok(about, 'is stopped, and its state can be told')
      if (state === 'running')
        findings.warning(about, `it runs, and ${system} is active at ${siteOfSystem(active, system)}`, `stop it: a failover to ${site} starts it`)
    }
  }
}

/** A worker of the site runs it, on whichever of its hosts. */
function isHere({ config, hosts }: Examined, site: string): boolean {
  return (config.sites[site]?.hosts ?? []).some((host) => hosts.includes(host))
}

async function examineFence(findings: Findings, system: string, fence: FenceConfig): Promise<void> {
  const about = `fence ${system}`
  // Its own limit ends it first, and says so: an aborted look says nothing.
  const signal = AbortSignal.timeout((fence.timeoutSeconds + 5) * 1000)
  const found = await findings.look(
    about,
    async () => ({ problem: await fenceProblem(fence, system, { hasProgram, runCommand: runOwnerCommand }, { signal, label: `doctor/${system}` }) }),
    { seconds: fence.timeoutSeconds + 10 },
  )
  if (found?.problem === null) findings.ok(about, 'its programs are here, and its proof does not hold while nobody stopped anything')
  if (found?.problem)
    findings.problem(about, found.problem, 'correct fence in muster.yaml, then: muster apply; until then two people say what they saw: muster fence RUN')
}
