/** Reading a record where no provider is: from its zone's authoritative servers. */
import type { DnsRecordConfig, NameServerConfig } from '../../domain/config.ts'
import type { RecordSet } from '../../domain/dns.ts'
import { MusterError } from '../../domain/failures.ts'
import { addressesOf } from './addresses.ts'
import type { DnsWork } from './dns.ts'
import { authoritativeServers, type ObserveOptions } from './observe.ts'
import { readRecord } from './read-record.ts'
import { RecordRefused } from './refused-records.ts'

export type ReadOptions = ObserveOptions & Pick<DnsWork, 'lostSite'>

/**
 * What the first authoritative server that answers serves, those of a lost site asked last; null when it says that there
 * is no such record.
 * @throws MusterError as `readRecord`, of the last server, when none answers
 */
export async function readAnywhere(record: DnsRecordConfig, options: ReadOptions, signal?: AbortSignal): Promise<RecordSet | null> {
  let failure = new MusterError('Unreachable', `no name server of ${record.zone} is known`)
  const servers = await authoritativeServers(record, options, signal)
  const isLost = ({ site }: NameServerConfig): boolean => site !== undefined && site === options.lostSite
  for (const { host, port } of [...servers.filter((server) => !isLost(server)), ...servers.filter(isLost)]) {
    try {
      const [address = host] = await addressesOf(host, options, signal)
      return await readRecord({ address, port }, record, signal)
    } catch (error) {
      if (!(error instanceof MusterError) || error.type === 'Cancelled' || error instanceof RecordRefused) throw error
      failure = error
    }
  }
  throw failure
}
