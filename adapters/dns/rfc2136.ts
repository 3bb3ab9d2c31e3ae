/** A record on a server that takes signed updates (RFC 2136 with TSIG): BIND, Knot, PowerDNS and others. */
import type { Rfc2136RecordConfig, UpdateServerConfig } from '../../domain/config.ts'
import { decideChange, describeRecordSet, describeValues, type RecordSet, sameValues } from '../../domain/dns.ts'
import { MusterError } from '../../domain/failures.ts'
import { placeText, type ServerPlace } from './ask.ts'
import type { ChangeRequest, Dns, DnsChange, DnsReadiness, DnsWork } from './dns.ts'
import { sendUpdate, type ToolWork, type TsigKey } from './nsupdate.ts'
import { createObserver, type ObserveOptions } from './observe.ts'
import { readRecord } from './read-record.ts'
import { Readiness } from './readiness.ts'
import { RecordRefused } from './refused-records.ts'
import { inOrder, locate, onFirst } from './update-servers.ts'
import { unlistedServers } from './unlisted-servers.ts'

export type Rfc2136Options = ObserveOptions & Pick<DnsWork, 'lostSite' | 'label'>

const attempts = 2

/**
 * Compare-and-set is one message with value-dependent prerequisites: the server judges them and changes the record in
 * one step. Servers are tried in their order; the next one when one cannot do it. Asks nothing before a method is called.
 * @param secret the key's secret in base64, resolved anew for each update
 */
export function createRfc2136Dns(record: Rfc2136RecordConfig, secret: () => Promise<string>, options: Rfc2136Options = {}): Dns {
  return new Rfc2136Dns(record, secret, options)
}

class Rfc2136Dns implements Dns {
  readonly provider = 'rfc2136'
  readonly observe: Dns['observe']
  readonly unlisted: Dns['unlisted']
  private readonly record: Rfc2136RecordConfig
  private readonly secret: () => Promise<string>
  private readonly options: Rfc2136Options
  private readonly servers: readonly UpdateServerConfig[]
  private readonly what: string

  constructor(record: Rfc2136RecordConfig, secret: () => Promise<string>, options: Rfc2136Options) {
    this.record = record
    this.secret = secret
    this.options = options
    this.servers = inOrder(record.servers, options.lostSite)
    this.what = `${record.name} ${record.type}`
    this.observe = createObserver(record, options)
    this.unlisted = (signal) => unlistedServers(record, options, signal)
  }

  read(signal?: AbortSignal): Promise<RecordSet> {
    return onFirst(this.servers, this.options.lostSite, async (server) => this.readExisting(await locate(server, this.options, signal), signal))
  }

  change(request: ChangeRequest, signal?: AbortSignal): Promise<DnsChange> {
    return onFirst(this.servers, this.options.lostSite, async (server) => this.changeAt(await locate(server, this.options, signal), request, signal))
  }

  /** A server that has accepted an update serves it; whether the others do is observed. */
  async awaitSettled(): Promise<void> {}

  /** Every update server is tried, since any of them may be needed; those of a site that is lost are not, where others are left. */
  async dryRun(signal?: AbortSignal): Promise<DnsReadiness> {
    const left = this.servers.filter(({ site }) => site !== this.options.lostSite)
    const tried = left.length > 0 ? left : this.servers
    const spared = this.servers.filter((server) => !tried.includes(server)).map(({ host, site }) => `the update server ${host} at the lost site ${site}`)
    const readiness = new Readiness(['whether the other servers of the zone take a change over', ...spared])
    for (const configured of tried) {
      await readiness.prove(async () => {
        const server = await locate(configured, this.options, signal)
        readiness.present ??= await this.readExisting(server, signal)
        const present = await this.proveKey(server, signal)
        return `${placeText(server)} at site ${configured.site} lets the key ${this.record.key.name} change ${describeRecordSet(present)}`
      })
    }
    return readiness.result()
  }

  private async changeAt(server: ServerPlace, request: ChangeRequest, signal?: AbortSignal): Promise<DnsChange> {
    const { wanted, beforeChange } = request
    let unchanged: RecordSet | null = null
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const present = await readRecord(server, this.record, signal)
      if (decideChange(present, request) === 'already' || present === null) {
        return { outcome: 'already', id: null, detail: `${describeRecordSet(wanted)} was there already, at ${placeText(server)}` }
      }
      const key = await this.key()
      await beforeChange?.()
      const outcome = await sendUpdate(server, key, { zone: this.record.zone, present, wanted }, this.tools(signal))
      // It changed between reading and writing: what there is now decides.
      if (outcome === 'stale') {
        if (unchanged !== null && sameValues(unchanged, present)) throw this.notItsOwn(server, present)
        unchanged = present
        continue
      }
      await this.checkServed(server, wanted, signal)
      return {
        outcome: 'changed',
        id: null,
        detail: `${this.what} changed from ${describeValues(present.values)} to ${describeValues(wanted.values)} at ${placeText(server)}`,
      }
    }
    throw this.restless(server)
  }

  /** RFC 2136 lets a server leave out what it cannot add, such as a CNAME beside other records, and say that all is well. */
  private async checkServed(server: ServerPlace, wanted: RecordSet, signal?: AbortSignal): Promise<void> {
    const now = await readRecord(server, this.record, signal)
    if (now !== null && sameValues(now, wanted)) return
    throw new MusterError('PreconditionFailed', `${placeText(server)} accepted ${describeRecordSet(wanted)}, but serves ${describeValues(now?.values ?? [])}`, {
      hint: 'look what else that name holds, and who else changes it; a CNAME can have nothing beside it',
    })
  }

  private async proveKey(server: ServerPlace, signal?: AbortSignal): Promise<RecordSet> {
    let unchanged: RecordSet | null = null
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      const present = await this.readExisting(server, signal)
      const outcome = await sendUpdate(server, await this.key(), { zone: this.record.zone, present, wanted: null }, this.tools(signal))
      if (outcome === 'done') return present
      if (unchanged !== null && sameValues(unchanged, present)) throw this.notItsOwn(server, present)
      unchanged = present
    }
    throw this.restless(server)
  }

  private async readExisting(server: ServerPlace, signal?: AbortSignal): Promise<RecordSet> {
    const present = await readRecord(server, this.record, signal)
    if (present !== null) return present
    throw new MusterError('PreconditionFailed', `the DNS server ${placeText(server)} has no record ${this.what}`, {
      hint: 'make it once, with the value of the site that is active',
    })
  }

  private tools(signal?: AbortSignal): ToolWork {
    const { label } = this.options
    return { ...(signal && { signal }), ...(label !== undefined && { label }) }
  }

  private async key(): Promise<TsigKey> {
    const { name, algorithm, secret: reference } = this.record.key
    const secret = (await this.secret()).trim()
    if (/^[A-Za-z0-9+/]+={0,2}$/.test(secret)) return { name, algorithm, secret }
    throw new MusterError('CredentialsRejected', `the secret in ${reference} of the key ${name} is not base64`, {
      hint: `put the secret of the key where ${reference} points, as tsig-keygen prints it between quotes`,
    })
  }

  /** It answers with a record that nobody can change under this name. */
  private notItsOwn(server: ServerPlace, present: RecordSet): RecordRefused {
    return new RecordRefused(
      `${placeText(server)} serves ${describeRecordSet(present)}, but has no such record: a wildcard answers for it, or another zone`,
      'make the record once under its own name, with the value of the site that is active, and look whether zone is the right one',
    )
  }

  private restless(server: ServerPlace): MusterError {
    return new MusterError('Throttled', `${this.what} changed at ${placeText(server)} each time it was about to be changed; nothing was changed`, {
      hint: 'find out what else changes this record',
    })
  }
}
