/** Errors of Route 53 and of the way to it, said as failures of a DNS record. */
import { MusterError } from '../../domain/failures.ts'

/** Answers that may be another one when the same is asked a little later. */
const busy = /^(Throttl|PriorRequestNotComplete|TooManyRequests|RequestLimitExceeded|SlowDown|ServiceUnavailable)/
const rejected =
  /^(AccessDenied|InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch|ExpiredToken|InvalidSignature|MissingAuthenticationToken|OptInRequired)/
/** The batch does not fit what is there. AWS says the first; one that could not have been true is said to be the second. */
const unfitting = /^(InvalidChangeBatch|InvalidInput)/
const longestText = 400

export interface Route53Place {
  readonly hostedZone: string
  /** For messages; the endpoint where it is not AWS. */
  readonly server: string
}

/** The batch was refused because of what the zone holds: it must be read again. */
export function isUnfitting(error: unknown): boolean {
  return unfitting.test(nameOf(error))
}

/** The failure that an error of the SDK means; a MusterError passes unchanged. @param doing such as `reading app.example.com. A` */
export function explainRoute53(error: unknown, place: Route53Place, doing: string): MusterError {
  if (error instanceof MusterError) return error
  const name = nameOf(error)
  const status = statusOf(error)
  const message = `${doing} in the hosted zone ${place.hostedZone} of ${place.server} failed: ${textOf(error)}`
  if (busy.test(name) || status === 429 || status === 503)
    return new MusterError('Throttled', message, { hint: 'wait: others use the same account, or an earlier change is not finished' })
  if (name === 'NoSuchHostedZone') {
    return new MusterError('PreconditionFailed', `there is no hosted zone ${place.hostedZone} in the account of these credentials`, {
      hint: 'correct hostedZone in muster.yaml, or give the credentials of its account',
    })
  }
  if (name === 'RequestTimeTooSkewed' || name === 'RequestExpired') {
    return new MusterError('CredentialsRejected', message, { hint: 'set the clock of this host' })
  }
  if (rejected.test(name) || status === 401 || status === 403) {
    return new MusterError('CredentialsRejected', message, {
      hint: 'allow the key route53:ListResourceRecordSets, GetHostedZone, ChangeResourceRecordSets and GetChange, then run: muster doctor',
    })
  }
  if (status >= 400 && status < 500) return new MusterError('PreconditionFailed', message)
  return new MusterError('Unreachable', message, {
    hint: 'its control plane may be down with a region: change the record by another way, and let muster observe it',
  })
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : ''
}

function statusOf(error: unknown): number {
  return (error as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode ?? 0
}

/** Never the whole error: its request carries a signature. */
function textOf(error: unknown): string {
  const { code, messages } = error as { code?: unknown; messages?: unknown }
  const details = Array.isArray(messages) ? messages.map(String) : []
  const said = [nameOf(error), code, error instanceof Error ? error.message : '', ...details].filter((part) => typeof part === 'string' && part !== '')
  return [...new Set(said)].join(': ').replaceAll(/\s+/g, ' ').slice(0, longestText)
}
