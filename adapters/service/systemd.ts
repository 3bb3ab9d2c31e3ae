/** A systemd unit. Its state is what `systemctl show` says of it, before and after each command. */
import type { ServiceConfig } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'
import { runTool } from '../process/run-tool.ts'
import { lookAtHealth } from './health.ts'
import { awaitState } from './observed.ts'
import type { ServiceAdapter, ServiceState } from './service.ts'

type SystemdControl = Extract<ServiceConfig['control'], { type: 'systemd' }>

export function createSystemdService(config: ServiceConfig, control: SystemdControl, systemctl: string): ServiceAdapter {
  const run = (args: readonly string[], timeoutSeconds: number, signal?: AbortSignal) =>
    runTool(systemctl, args, { timeoutSeconds, leavesServices: true, ...(signal && { signal }) })
  const look = async (signal?: AbortSignal) => {
    const { stdout } = await run(['show', '--property=LoadState,ActiveState,SubState,Result', control.unit], 30, signal)
    const facts = Object.fromEntries(stdout.split('\n').flatMap((line) => (line.includes('=') ? [line.split(/=(.*)/s).slice(0, 2) as [string, string]] : [])))
    if (facts['LoadState'] === 'not-found') throw new MusterError('UnknownName', `systemd has no unit "${control.unit}" (service "${config.name}")`, { hint: 'correct the unit in muster.yaml' })
    return facts
  }
  const service: ServiceAdapter = {
    name: config.name,
    async observe(signal): Promise<ServiceState> {
      const state = (await look(signal))['ActiveState'] ?? 'inactive'
      // A unit on its way up or down still holds files and sockets.
      return state === 'inactive' || state === 'failed' ? 'stopped' : 'running'
    },
    async start(signal) {
      await run(['start', control.unit], config.startTimeoutSeconds, signal)
      const deadline = Date.now() + config.startTimeoutSeconds * 1000
      for (;;) {
        const { ActiveState = '', SubState = '', Result = '' } = await look(signal)
        if (ActiveState === 'active') return
        if (ActiveState === 'failed' || ActiveState === 'inactive' || Date.now() > deadline) {
          throw new MusterError('ServiceUnhealthy', `unit ${control.unit} of service "${config.name}" did not start: ${ActiveState}/${SubState}, ${Result}`, { hint: `journalctl -u ${control.unit}` })
        }
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    },
    async stop(signal) {
      await run(['stop', control.unit], config.stopTimeoutSeconds, signal)
      await awaitState(service, 'stopped', config.stopTimeoutSeconds, signal)
    },
    health: (signal) => lookAtHealth(service, config.health, signal),
  }
  return service
}
