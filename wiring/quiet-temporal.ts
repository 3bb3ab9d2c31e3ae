/** Sends what Temporal's native core logs to our logger: it would print to stdout, in colour, and break `--json`. */
import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker'
import { createLogger } from '../observability/logger.ts'

let installed = false

/** Before the first connection; once per process. */
export function quietTemporal(): void {
  if (installed) return
  installed = true
  const log = createLogger({ room: 'temporal' })
  Runtime.install({
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
      const write = level === 'ERROR' ? log.error.bind(log) : log.warn.bind(log)
      write({ ...meta }, message)
    }),
    telemetryOptions: { logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) } },
    shutdownSignals: [],
  })
}
