/**
 * A service controlled by commands. `start` is a launcher: it returns, and what it started goes on. `status` exits
 * with 0 while the service runs, and with anything else while it does not.
 */
import type { ServiceConfig } from '../../domain/config.ts'
import { runTool } from '../process/run-tool.ts'
import { lookAtHealth } from './health.ts'
import { awaitState } from './observed.ts'
import type { ServiceAdapter, ServiceState } from './service.ts'

type CommandControl = Extract<ServiceConfig['control'], { type: 'command' }>

const anyExitCode = Array.from({ length: 256 }, (_, code) => code)

export function createCommandService(config: ServiceConfig, control: CommandControl): ServiceAdapter {
  const run = (command: readonly string[], timeoutSeconds: number, more: { signal?: AbortSignal | undefined; okExitCodes?: readonly number[] }) => {
    const [program = '', ...args] = command
    return runTool(program, args, {
      timeoutSeconds,
      leavesServices: true,
      ...(config.runAs && { runAs: config.runAs }),
      ...(more.signal && { signal: more.signal }),
      ...(more.okExitCodes && { okExitCodes: more.okExitCodes }),
    })
  }
  const service: ServiceAdapter = {
    name: config.name,
    async observe(signal): Promise<ServiceState> {
      const { exitCode } = await run(control.status, 30, { signal, okExitCodes: anyExitCode })
      return exitCode === 0 ? 'running' : 'stopped'
    },
    async start(signal) {
      if ((await service.observe(signal)) === 'stopped') await run(control.start, config.startTimeoutSeconds, { signal })
      await awaitState(service, 'running', config.startTimeoutSeconds, signal)
    },
    async stop(signal) {
      if ((await service.observe(signal)) === 'running') await run(control.stop, config.stopTimeoutSeconds, { signal })
      await awaitState(service, 'stopped', config.stopTimeoutSeconds, signal)
    },
    health: (signal) => lookAtHealth(service, config.health, signal),
  }
  return service
}
