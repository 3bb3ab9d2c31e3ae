import { type Bindings, type ChildLoggerOptions, destination, type Logger, pino } from 'pino'
import { redact } from './redact.ts'

export type { Logger } from 'pino'

let stderr: ReturnType<typeof destination> | undefined

/**
 * One JSON line per message on stderr, with the time in ISO-8601 UTC and the room that speaks. The least
 * level that is shown is MUSTER_LOG: trace, debug, info (default), warn, error, fatal or silent. Secrets are
 * masked in messages, fields, bound fields and errors (see redact).
 */
export function createLogger(bindings: { readonly room: string } & Readonly<Record<string, unknown>>): Logger {
  // Synchronous: the last line before a crash is the one that is needed.
  stderr ??= destination({ fd: 2, sync: true })
  const logger = pino(
    {
      level: configuredLevel(process.env['MUSTER_LOG']),
      base: bindings,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      // Errors are plain objects by then.
      serializers: { err: (error: unknown) => error },
      formatters: {
        level: (label) => ({ level: label }),
        bindings: (fields) => redact(fields) as Record<string, unknown>,
      },
      hooks: {
        logMethod(args, method) {
          method.apply(this, cleaned(args) as Parameters<typeof method>)
        },
      },
    },
    stderr,
  )
  return withRedactedChildren(logger)
}

type MakeChild = (this: Logger, fields: Bindings, options?: ChildLoggerOptions) => Logger

/** pino formats the fields of the first logger only. */
function withRedactedChildren(logger: Logger): Logger {
  const makeChild = logger.child as unknown as MakeChild
  const redacted: MakeChild = function (fields, options) {
    return makeChild.call(this, redact(fields) as Bindings, options)
  }
  logger.child = redacted as unknown as Logger['child']
  return logger
}

function configuredLevel(name: string | undefined): string {
  const known = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']
  return name !== undefined && known.includes(name) ? name : 'info'
}

function cleaned(args: readonly unknown[]): unknown[] {
  const [first, ...rest] = args.map((value) => redact(value))
  if (!(args[0] instanceof Error)) return [first, ...rest]
  return [{ err: first }, ...(rest.length > 0 ? rest : [redact(args[0].message)])]
}
