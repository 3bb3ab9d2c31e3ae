/** A service controlled by commands of its owner. */
import type { ServiceConfig } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'
import type { ToolOptions } from '../process/process.ts'
import { runTool } from '../process/run-tool.ts'
import { lookAtHealth } from './health.ts'
import { awaitState } from './observed.ts'
import type { ServiceAdapter, ServiceState } from './service.ts'

type CommandControl = Extract<ServiceConfig['control'], { type: 'command' }>

const anyExitCode = Array.from({ length: 256 }, (_, code) => code)
const lookSeconds = 30

/**
 * `start` is a launcher: it must put the service into the background and return, with the service's output sent
 * elsewhere (a log file), since nobody reads the launcher's once it has returned. What it leaves running goes on,
 * also when the agent ends; a launcher that does not return in time is ended with what it started.
 * `status` exits with 0 while the service runs, and with anything else while it does not; one that cannot be run,
 * or is ended by a signal or a time-out, proves neither and is an error. Start and stop look first and may be repeated.
 * @throws MusterError besides those of the port: PreconditionFailed (runAs), Cancelled
 */
export function createCommandService(config: ServiceConfig, control: CommandControl): ServiceAdapter {
  const run = ([program = '', ...args]: readonly string[], options: ToolOptions) =>
    runTool(program, args, {
      stdout: 'discard',
      ...(config.runAs === undefined ? {} : { runAs: config.runAs }),
      ...options,
    })
  const service: ServiceAdapter = {
    name: config.name,
    async observe(signal): Promise<ServiceState> {
      const { exitCode } = await run(control.status, {
        timeoutSeconds: lookSeconds,
        okExitCodes: anyExitCode,
        ...given(signal),
      })
      return exitCode === 0 ? 'running' : 'stopped'
    },
    async start(signal, mayAct) {
      if ((await service.observe(signal)) === 'running') return
      const { startTimeoutSeconds: timeoutSeconds } = config
      await run(control.start, { timeoutSeconds, leavesServices: true, ...given(signal, mayAct) }).catch(explainLauncher(config.name))
      await awaitState(service, 'running', timeoutSeconds, signal)
    },
    async stop(signal, mayAct) {
      if ((await service.observe(signal)) === 'stopped') return
      const { stopTimeoutSeconds: timeoutSeconds } = config
      await run(control.stop, { timeoutSeconds, leavesServices: true, ...given(signal, mayAct) })
      await awaitState(service, 'stopped', timeoutSeconds, signal)
    },
    async health(signal) {
      if (config.health) return lookAtHealth(config.health, config.runAs, signal)
      const state = await service.observe(signal)
      return { healthy: state === 'running', detail: `${config.name} is ${state}` }
    },
  }
  return service
}

function explainLauncher(name: string) {
  return (error: unknown): never => {
    if (!(error instanceof MusterError) || error.type !== 'Timeout') throw error
    throw new MusterError('Timeout', `the start command of service "${name}" did not return: ${error.message}`, {
      cause: error,
      hint: 'let the start command put the service into the background and return, or raise startTimeout',
    })
  }
}

function given(signal: AbortSignal | undefined, mayStart?: () => void): Pick<ToolOptions, 'signal' | 'mayStart'> {
  return { ...(signal && { signal }), ...(mayStart && { mayStart }) }
}
