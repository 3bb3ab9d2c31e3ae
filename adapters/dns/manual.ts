/** A record that only people can change: says what to do, and observes whether it was done. */
import type { ManualRecordConfig } from '../../domain/config.ts'
import { decideChange, describeRecordSet, describeValues, type RecordSet } from '../../domain/dns.ts'
import { MusterError } from '../../domain/failures.ts'
import type { ChangeRequest, Dns, DnsChange, DnsReadiness } from './dns.ts'
import { createObserver } from './observe.ts'
import { readAnywhere, type ReadOptions } from './read-anywhere.ts'
import { Readiness } from './readiness.ts'
import { unlistedServers } from './unlisted-servers.ts'

/** Nothing is ever changed by it; `change` answers `by hand` with the step for a person. */
export function createManualDns(record: ManualRecordConfig, options: ReadOptions = {}): Dns {
  const find = (signal?: AbortSignal): Promise<RecordSet | null> => readAnywhere(record, options, signal)

  const read = async (signal?: AbortSignal): Promise<RecordSet> => {
    const found = await find(signal)
    if (found) return found
    throw new MusterError('PreconditionFailed', `${record.zone} has no record ${record.name} ${record.type}`, {
      hint: 'make it once, with the value of the site that is active',
    })
  }

  return {
    provider: 'manual',
    read,
    async change(request: ChangeRequest, signal?: AbortSignal): Promise<DnsChange> {
      const present = await find(signal)
      if (decideChange(present, request) === 'already' || present === null) {
        return { outcome: 'already', id: null, detail: `${describeRecordSet(request.wanted)} was there already` }
      }
      return { outcome: 'by hand', id: null, detail: step(record, present, request.wanted) }
    },
    /** Nobody says so but the servers: they are observed. */
    async awaitSettled() {},
    observe: createObserver(record, options),
    unlisted: (signal) => unlistedServers(record, options, signal),
    async dryRun(signal?: AbortSignal): Promise<DnsReadiness> {
      const readiness = new Readiness(['the change itself: a person makes it'])
      await readiness.prove(async () => {
        readiness.present = await read(signal)
        return `${describeRecordSet(readiness.present)} is served`
      })
      return readiness.result()
    },
  }
}

function step({ zone }: ManualRecordConfig, present: RecordSet, { name, type, ttlSeconds, values }: RecordSet): string {
  return (
    `in the zone ${zone}, change the record ${name} of type ${type} from ${describeValues(present.values)} to ${describeValues(values)}, ` +
    `with a TTL of ${ttlSeconds} s; change nothing when it is not ${describeValues(present.values)} any more`
  )
}
