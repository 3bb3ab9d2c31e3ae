import { runTool } from '../../process/run-tool.ts'

interface UnitOptions {
  readonly signal?: AbortSignal
  readonly timeoutSeconds?: number
  readonly mayAct?: () => void
}

/** Whether it worked is for the caller to observe. @throws MusterError CommandFailed, Timeout, Cancelled */
export async function startUnit(unit: string, options: UnitOptions): Promise<void> {
  // A unit that failed often in a short time would refuse to start; one that did not fail answers 0 as well.
  await systemctl(['reset-failed', unit], { ...options, okExitCodes: [0, 1] })
  await systemctl(['start', unit], options)
}

/** @throws MusterError CommandFailed, Timeout, Cancelled */
export async function stopUnit(unit: string, options: UnitOptions): Promise<void> {
  await systemctl(['stop', unit], options)
}

async function systemctl(args: readonly [verb: string, unit: string], options: UnitOptions & { readonly okExitCodes?: readonly number[] }): Promise<void> {
  const [verb, unit] = args
  await runTool('systemctl', ['--no-ask-password', verb, '--', unit], {
    timeoutSeconds: options.timeoutSeconds ?? 300,
    leavesServices: true,
    ...(options.okExitCodes === undefined ? {} : { okExitCodes: options.okExitCodes }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    ...(options.mayAct === undefined ? {} : { mayStart: options.mayAct }),
  })
}
