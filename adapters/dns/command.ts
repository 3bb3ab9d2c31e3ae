/** A record that commands of its owner read and change: the way to any other provider. */
import type { CommandRecordConfig } from '../../domain/config.ts'
import { decideChange, describeRecordSet, describeValues, type RecordSet, sameValues } from '../../domain/dns.ts'
import { MusterError } from '../../domain/failures.ts'
import type { ToolOptions } from '../process/process.ts'
import { runTool } from '../process/run-tool.ts'
import type { ChangeRequest, Dns, DnsChange, DnsReadiness, DnsWork } from './dns.ts'
import { createObserver, type ObserveOptions } from './observe.ts'
import { Readiness } from './readiness.ts'
import { declared } from './refused-records.ts'
import { recordInLines } from './zone-lines.ts'
import { unlistedServers } from './unlisted-servers.ts'

export type CommandDnsOptions = ObserveOptions & Pick<DnsWork, 'label'>

/** What the change command exits with when the record is not as expected and it has changed nothing. */
const staleExitCode = 10

/**
 * `read` prints the record as lines of a zone file (`NAME TTL IN TYPE VALUE`), as `dig +noall +answer` does. `change`
 * is given MUSTER_DNS_NAME, _TYPE, _TTL, _EXPECTED and _WANTED (values with a blank between them), and must change the
 * record in one step and from what is expected only. Whether it did is read afterwards.
 */
export function createCommandDns(record: CommandRecordConfig, options: CommandDnsOptions = {}): Dns {
  return new CommandDns(record, options)
}

class CommandDns implements Dns {
  readonly provider = 'command'
  readonly observe: Dns['observe']
  readonly unlisted: Dns['unlisted']
  private readonly record: CommandRecordConfig
  private readonly what: string
  private readonly label: string | undefined

  constructor(record: CommandRecordConfig, options: CommandDnsOptions) {
    this.record = record
    this.label = options.label
    this.what = `${record.name} ${record.type}`
    this.observe = createObserver(record, options)
    this.unlisted = (signal) => unlistedServers(record, options, signal)
  }

  async read(signal?: AbortSignal): Promise<RecordSet> {
    const found = await this.find(signal)
    if (found) return found
    throw new MusterError('PreconditionFailed', `the read command ${this.record.read[0]} shows no record ${this.what}`, {
      hint: 'let it print NAME TTL IN TYPE VALUE; where the record does not exist, make it once with the value of the active site',
    })
  }

  async change(request: ChangeRequest, signal?: AbortSignal): Promise<DnsChange> {
    const { wanted, beforeChange } = request
    const present = await this.find(signal)
    const already: DnsChange = { outcome: 'already', id: null, detail: `${describeRecordSet(wanted)} was there already` }
    if (decideChange(present, request) === 'already' || present === null) return already
    await beforeChange?.()
    const [program = ''] = this.record.change
    const exitCode = await this.runChange(present, wanted, signal)
    const now = await this.find(signal)
    if (exitCode === staleExitCode && decideChange(now, request) === 'already') return already
    if (now !== null && sameValues(now, wanted)) {
      return {
        outcome: 'changed',
        id: null,
        detail: `${this.what} changed from ${describeValues(present.values)} to ${describeValues(wanted.values)} by ${program}`,
      }
    }
    const is = `${this.what} is ${describeValues(now?.values ?? [])}`
    throw new MusterError('CommandFailed', `${program} ended with ${exitCode}, and ${is} instead of ${describeValues(wanted.values)}`, {
      hint: 'let the change command end with 0 only when the record is changed, and with 10 when it was not as expected',
    })
  }

  /** The command has ended; whether the servers answer accordingly is observed. */
  async awaitSettled(): Promise<void> {}

  async dryRun(signal?: AbortSignal): Promise<DnsReadiness> {
    const readiness = new Readiness([`the change command ${this.record.change[0]}: it has no way to be tried without a change`])
    await readiness.prove(async () => {
      readiness.present = await this.read(signal)
      return `${this.record.read[0]} reads ${describeRecordSet(readiness.present)}`
    })
    return readiness.result()
  }

  private async find(signal?: AbortSignal): Promise<RecordSet | null> {
    const { stdout } = await this.run(this.record.read, {}, {}, signal)
    const found = recordInLines(stdout, this.record.name, this.record.type)
    return found && declared(found, this.record)
  }

  private async runChange(present: RecordSet, wanted: RecordSet, signal?: AbortSignal): Promise<number> {
    const env = {
      MUSTER_DNS_TTL: String(wanted.ttlSeconds),
      MUSTER_DNS_EXPECTED: present.values.join(' '),
      MUSTER_DNS_WANTED: wanted.values.join(' '),
    }
    return (await this.run(this.record.change, env, { stdout: 'discard', okExitCodes: [0, staleExitCode] }, signal)).exitCode
  }

  private run([program = '', ...args]: readonly string[], env: Readonly<Record<string, string>>, options: ToolOptions, signal?: AbortSignal) {
    const { name, type, timeoutSeconds, runAs } = this.record
    return runTool(program, args, {
      env: { MUSTER_DNS_NAME: name, MUSTER_DNS_TYPE: type, ...env },
      timeoutSeconds,
      ...(runAs !== undefined && { runAs }),
      ...(signal && { signal }),
      ...(this.label !== undefined && { label: this.label }),
      ...options,
    })
  }
}
