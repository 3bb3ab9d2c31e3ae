import { setTimeout as sleep } from 'node:timers/promises'
import { MusterError } from '../../../domain/failures.ts'
import { type ConnectionTarget, withConnection } from './connection.ts'
import { type PostgresqlInstance, nameOf } from './instance.ts'
import { readLog } from './recovery-log.ts'
import { usersOfDataDirectory } from './directory-users.ts'

const pollMs = 150
/** A server that was just started, or that its manager starts again, has no process for a moment. */
const absentGraceMs = 3000
const shownLines = 3

/**
 * Waits until a starting server answers queries.
 * @throws MusterError CommandFailed with the end of its log when it has no process any more, Timeout, Cancelled,
 * and what connecting throws that waiting does not cure
 */
export async function awaitAnswering(
  instance: PostgresqlInstance,
  directory: string,
  options: {
    readonly timeoutSeconds: number
    readonly signal?: AbortSignal
    readonly logFile?: string
    readonly target?: ConnectionTarget
  },
): Promise<void> {
  const startedAt = Date.now()
  let seenAt = startedAt
  for (;;) {
    if (options.signal?.aborted) throw new MusterError('Cancelled', `waiting for ${nameOf(instance)} was cancelled`)
    if (await answersQueries(instance, options.target)) return
    if ((await usersOfDataDirectory(directory)).length > 0) seenAt = Date.now()
    if (Date.now() - seenAt > absentGraceMs) throw await didNotStart(instance, options.logFile)
    if (Date.now() - startedAt > options.timeoutSeconds * 1000) {
      throw new MusterError('Timeout', `${nameOf(instance)} did not answer within ${options.timeoutSeconds} s of its start`)
    }
    await sleep(pollMs)
  }
}

async function answersQueries(instance: PostgresqlInstance, target: ConnectionTarget | undefined): Promise<boolean> {
  try {
    await withConnection(instance, (client) => client.query('select 1'), target)
    return true
  } catch (error) {
    if (error instanceof MusterError && ['DatabaseDown', 'NotReadyYet', 'Timeout'].includes(error.type)) return false
    throw error
  }
}

async function didNotStart(instance: PostgresqlInstance, logFile: string | undefined): Promise<MusterError> {
  const log = logFile === undefined ? '' : await readLog(logFile, 0)
  const end = log.trim().split('\n').slice(-shownLines).join('; ')
  return new MusterError('CommandFailed', `the server of ${nameOf(instance)} did not start${end ? `: ${end}` : ''}`, {
    hint: logFile === undefined ? "look at the server's log" : `look at ${logFile}`,
  })
}
