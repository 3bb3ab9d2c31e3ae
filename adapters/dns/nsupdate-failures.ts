/** What `nsupdate` says when an update was not made, said as failures of a DNS record. */
import { MusterError } from '../../domain/failures.ts'
import type { ToolExit } from '../process/process.ts'

/** For messages. */
export interface UpdatePlace {
  readonly server: string
  readonly zone: string
  readonly record: string
  /** The name of the key. */
  readonly key: string
}

/** A prerequisite did not hold: the record is another one, or is not there. */
export function isStale({ stderrTail }: ToolExit): boolean {
  return /^update failed: (NXRRSET|YXRRSET|NXDOMAIN|YXDOMAIN)\b/m.test(stderrTail)
}

/** Its output is not repeated: on a line that it cannot read, it shows the key. */
export function explainUpdate(exit: ToolExit, place: UpdatePlace): MusterError {
  const { server, zone, record, key } = place
  const said = exit.stderrTail
  const code = /^update failed: (?<code>[A-Z0-9]+)(?:\((?<tsig>[A-Z0-9]+)\))?/m.exec(said)?.groups
  const what = `the DNS server ${server} did not change ${record}`
  switch (code?.['tsig'] ?? code?.['code']) {
    case 'BADSIG':
      return rejected(`${what}: the secret of the key ${key} is not the one it knows (BADSIG)`, 'put the secret of that key where key.secret points, in base64')
    case 'BADKEY':
      return rejected(
        `${what}: it does not know the key ${key} with that algorithm, or does not let it change this (BADKEY)`,
        'correct key.name and key.algorithm in muster.yaml, or allow the key on the server to update this record',
      )
    case 'BADTIME':
      return rejected(`${what}: its clock and the one of this host are too far apart (BADTIME)`, 'set both clocks; at most 5 min apart are accepted')
    case 'REFUSED':
      return rejected(`${what}: it refuses the update (REFUSED)`, `allow the key ${key} on the server to update this record`)
    case 'NOTAUTH':
      return notThere(`${what}: it is not the primary server of ${zone}, or wants another key (NOTAUTH)`, 'correct zone and servers in muster.yaml')
    case 'NOTZONE':
      return notThere(`${what}: the name is not in the zone ${zone} (NOTZONE)`, 'correct zone in muster.yaml')
    case 'NOTIMP':
      return notThere(`${what}: it takes no updates (NOTIMP)`, 'write the primary server of the zone into muster.yaml')
    case undefined:
      return withoutCode(said, what, exit)
    default:
      return new MusterError('Unreachable', `${what}: it answers ${code?.['code']}`, {
        hint: 'look at the log of that server: is the zone loaded, is its disk full',
      })
  }
}

function withoutCode(said: string, what: string, exit: ToolExit): MusterError {
  const why = /^; Communication with \S+ failed: (?<why>[a-z ]+)$/m.exec(said)?.groups?.['why']
  if (why !== undefined) return new MusterError('Unreachable', `${what}: ${why}`, { hint: 'look whether that server runs and takes updates from this host' })
  if (/could not create key|bad base64/.test(said)) {
    return rejected('the secret of the TSIG key is not base64', 'put the secret of the key where key.secret points, as tsig-keygen prints it')
  }
  const tsig = /^; TSIG error with server: (?<why>[a-zA-Z ()0-9]+)$/m.exec(said)?.groups?.['why']
  if (tsig !== undefined) return rejected(`${what}: ${tsig}`, 'compare name, algorithm and secret of the key with those on the server')
  const how = exit.signal === null ? `exit code ${exit.exitCode}` : exit.signal
  return new MusterError('CommandFailed', `${what}: nsupdate ended with ${how}`, { hint: 'its output is not shown, since it may hold the key' })
}

function rejected(message: string, hint: string): MusterError {
  return new MusterError('CredentialsRejected', message, { hint })
}

function notThere(message: string, hint: string): MusterError {
  return new MusterError('PreconditionFailed', message, { hint })
}
