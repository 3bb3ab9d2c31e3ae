/** Trees can be read, services can be controlled. */
import { inspectTree } from '../../adapters/component/files/inspect.ts'
import { createService } from '../../adapters/service/create.ts'
import type { ServiceConfig } from '../../domain/config.ts'
import { formatSize } from '../../domain/durations.ts'
import type { Examined, Findings } from './findings.ts'

/** Size of each tree that could be read, by `system/component`. */
export async function examineTrees(findings: Findings, { config, hosts, systems }: Examined): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>()
  for (const system of systems) {
    for (const [component, found] of Object.entries(config.systems[system]?.components ?? {})) {
      if (found.type !== 'files') continue
      const about = `tree ${system}/${component}`
      if (!hosts.includes(found.host)) {
        findings.ok(about, `is on host ${found.host}; examine it there`)
        continue
      }
      const signal = AbortSignal.timeout(120_000)
      const tree = await findings.look(about, () => inspectTree(found, { signal }), { seconds: 125 })
      if (!tree) continue
      findings.ok(about, `${tree.entries} names, ${formatSize(tree.dataSizeBytes)}, all readable`)
      for (const problem of tree.problems) findings.warning(about, problem, 'change paths, exclude or allowEmpty, or leave it so on purpose')
      sizes.set(`${system}/${component}`, tree.dataSizeBytes)
    }
  }
  return sizes
}

export async function examineServices(findings: Findings, { config, hosts, systems }: Examined): Promise<void> {
  for (const system of systems) {
    for (const service of config.systems[system]?.services ?? []) {
      const about = `service ${system}/${service.name}`
      if (!hosts.includes(service.host)) {
        findings.ok(about, `is on host ${service.host}; examine it there`)
        continue
      }
      const adapter = createService(service)
      const state = await findings.look(about, () => adapter.observe())
      if (state === null) continue
      findings.ok(about, `is ${state}; observed by ${observerOf(service.control)}`)
      if (state === 'stopped') findings.warning(about, 'it does not run', 'start it; a restore leaves stopped what was stopped')
      const health = state === 'running' ? await findings.look(about, () => adapter.health()) : null
      if (health && !health.healthy)
        findings.warning(about, `it runs and is not healthy: ${health.detail}`, 'look at its log; after a restore this would be a failure')
    }
  }
}

function observerOf(control: ServiceConfig['control']): string {
  if (control.type === 'systemd') return `unit ${control.unit}`
  return control.type === 'compose' ? `docker compose, as ${control.service} of ${control.file}` : (control.status[0] ?? 'its command')
}
