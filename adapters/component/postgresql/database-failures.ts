import { type FailureType, MusterError } from '../../../domain/failures.ts'

interface PostgresError {
  readonly code?: string
  readonly message: string
}

const downCodes = new Set(['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', '57P01', '57P02'])
const unreachableCodes = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EACCES'])

/** What a failed attempt to connect means. The message never holds the password: neither side sends it back. */
export function connectionFailure(error: unknown, where: string, address: { readonly user: string; readonly database: string }): MusterError {
  if (error instanceof MusterError) return error
  const { code = '', message } = error as PostgresError
  const fail = (type: FailureType, text: string, hint?: string) => new MusterError(type, text, { cause: error, ...(hint === undefined ? {} : { hint }) })
  if (code === '57P03') return startingOrStopping(message, where, error)
  if (code === '53300') return fail('NotReadyYet', `${where} has no free connection`)
  if (downCodes.has(code)) return fail('DatabaseDown', `no PostgreSQL answers for ${where} (${code})`)
  if (unreachableCodes.has(code)) return fail('Unreachable', `${where} cannot be reached (${code})`)
  if (code.startsWith('28') || /password must be a string|no password/.test(message)) {
    return fail('CredentialsRejected', `${where} rejects the role ${address.user}: ${message}`, credentialsHint(message))
  }
  if (code === '3D000') {
    return fail('PreconditionFailed', `${where} has no database ${address.database}`, 'correct connection.database')
  }
  if (/timeout/i.test(message)) return fail('Timeout', `${where} did not answer in time`)
  return fail('DatabaseDown', `the connection to ${where} failed: ${message}`)
}

/** What an error during a query means; what is a MusterError already is handed back as it is. */
export function queryFailure(error: unknown, where: string): unknown {
  if (error instanceof MusterError) return error
  const { code = '', message = String(error) } = error as Partial<PostgresError>
  if (code === '57P03') return startingOrStopping(message, where, error)
  if (downCodes.has(code) || code.startsWith('08') || /^Connection terminated|not queryable/.test(message)) {
    return new MusterError('DatabaseDown', `the connection to ${where} was lost`, { cause: error })
  }
  if (code === '42501') {
    return new MusterError('PreconditionFailed', `the role of ${where} lacks a right: ${message}`, {
      cause: error,
      hint: 'grant pg_monitor to the role, and give it REPLICATION',
    })
  }
  if (code === '57014') return new MusterError('Timeout', `a query on ${where} was cancelled: ${message}`, { cause: error })
  if (!/^[0-9A-Z]{5}$/.test(code)) return error
  return new MusterError('CommandFailed', `a query on ${where} failed: ${message} (${code})`, { cause: error })
}

const rejections = [
  /authentication failed/,
  /no password supplied/,
  /no pg_hba\.conf entry/,
  /role ".*" does not exist/,
  /must be superuser or replication role/,
  /permission denied to start WAL sender/,
]

const lostConnections = [
  /Connection refused/,
  /No such file or directory\s+Is the server running/,
  /server closed the connection/,
  /terminating connection/,
  /could not receive data from (WAL|the) (stream|server)/,
]

const noFreeConnection = [/number of requested standby connections exceeds max_wal_senders/, /too many clients/, /remaining connection slots/]

/**
 * What the end of a client program's stderr means, or undefined where it tells nothing more than that it failed.
 * Servers speak the language of their `lc_messages`; what is not recognised stays CommandFailed.
 */
export function clientProgramFailure(stderr: string, where: string, cause: unknown): MusterError | undefined {
  const fail = (type: FailureType, text: string, hint?: string) => new MusterError(type, text, { cause, ...(hint === undefined ? {} : { hint }) })
  if (/No space left on device|Disk quota exceeded/.test(stderr)) return fail('DiskFull', `no space left while reading ${where}`)
  if (/the database system is/.test(stderr)) return startingOrStopping(stderr, where, cause)
  const says = (texts: readonly RegExp[]): boolean => texts.some((text) => text.test(stderr))
  if (says(rejections)) {
    return fail('CredentialsRejected', `${where} rejects the role: ${lastLine(stderr)}`, credentialsHint(stderr))
  }
  if (says(lostConnections)) return fail('DatabaseDown', `the connection to ${where} failed: ${lastLine(stderr)}`)
  if (says(noFreeConnection)) {
    return fail('NotReadyYet', `${where} has no free connection: ${lastLine(stderr)}`, 'raise max_wal_senders or wait')
  }
  return undefined
}

function startingOrStopping(message: string, where: string, cause: unknown): MusterError {
  const stopping = /shutting down/.test(message)
  return stopping
    ? new MusterError('DatabaseDown', `${where} is shutting down`, { cause })
    : new MusterError('NotReadyYet', `${where} is starting up`, { cause })
}

function credentialsHint(message: string): string {
  if (/[Pp]eer authentication/.test(message)) {
    return 'peer authentication lets in the operating-system user of that name only: name that user in runAs and run the agent as root, or give the role a password'
  }
  if (/no pg_hba\.conf entry.*replication|replication connection/.test(message)) {
    return 'add a line "host replication" or "local replication" for the role to pg_hba.conf'
  }
  if (/must be superuser or replication role|permission denied to start WAL sender/.test(message)) {
    return 'give the role the right: alter role … replication'
  }
  return 'correct user and password of the connection, then run: muster doctor'
}

function lastLine(text: string): string {
  const line = text.trim().split('\n').at(-1) ?? ''
  return line.replace(/^pg_\w+: (error|detail): /, '')
}
