/** A record in a hosted zone of Amazon Route 53. */
import type { Route53RecordConfig } from '../../domain/config.ts'
import { decideChange, describeRecordSet, describeValues, type RecordSet } from '../../domain/dns.ts'
import { canonicalDnsName } from '../../domain/dns-values.ts'
import { MusterError } from '../../domain/failures.ts'
import { pause } from './cancelled.ts'
import type { ChangeRequest, Dns, DnsChange, DnsReadiness } from './dns.ts'
import { createObserver, type ObserveOptions } from './observe.ts'
import { patiently } from './patiently.ts'
import { Readiness } from './readiness.ts'
import { type FoundSet, withValues } from './route53-record.ts'
import { type Route53Credentials, Route53Zone, type Submitted } from './route53-zone.ts'
import { unlistedServers } from './unlisted-servers.ts'

export interface Route53Options extends ObserveOptions {
  /** How long a request is tried again while Route 53 is busy or does not answer; 60 s by default. */
  readonly retrySeconds?: number
  /** Between two questions whether a change is settled; 2 s by default, since the account may ask 5 times a second. */
  readonly pollSeconds?: number
}

/**
 * Compare-and-set is one batch: DELETE of exactly the set that was read, CREATE of the new one. Route 53 does both or
 * neither, and refuses the DELETE of what is not there any more. Asks nothing before a method is called.
 * @param credentials asked anew for each request
 */
export function createRoute53Dns(record: Route53RecordConfig, credentials: () => Promise<Route53Credentials>, options: Route53Options = {}): Dns {
  return new Route53Dns(record, new Route53Zone(record, credentials), options)
}

class Route53Dns implements Dns {
  readonly provider = 'route53'
  readonly observe: Dns['observe']
  readonly unlisted: Dns['unlisted']
  private readonly record: Route53RecordConfig
  private readonly zone: Route53Zone
  private readonly retrySeconds: number
  private readonly pollSeconds: number
  private readonly what: string

  constructor(record: Route53RecordConfig, zone: Route53Zone, options: Route53Options) {
    this.record = record
    this.zone = zone
    this.what = `${record.name} ${record.type}`
    this.retrySeconds = options.retrySeconds ?? 60
    this.pollSeconds = options.pollSeconds ?? 2
    this.observe = createObserver(record, options)
    this.unlisted = (signal) => unlistedServers(record, options, signal)
  }

  async read(signal?: AbortSignal): Promise<RecordSet> {
    return this.existing(await patiently(() => this.zone.find(signal), this.retrySeconds, signal)).present
  }

  async change(request: ChangeRequest, signal?: AbortSignal): Promise<DnsChange> {
    return patiently(() => this.tryChange(request, signal), this.retrySeconds, signal)
  }

  async awaitSettled(change: DnsChange, signal?: AbortSignal): Promise<void> {
    const { id } = change
    // Somebody else's change, or one whose answer was lost: only observing the servers can tell.
    if (id === null) return
    const { settleSeconds } = this.record
    const deadline = performance.now() + settleSeconds * 1000
    for (;;) {
      const isLastLook = performance.now() >= deadline
      if (await patiently(() => this.zone.isSettled(id, signal), this.retrySeconds, signal)) return
      if (isLastLook) throw notSettled(this.what, id, settleSeconds)
      await pause(Math.max(0, Math.min(this.pollSeconds * 1000, deadline - performance.now())), signal)
    }
  }

  async dryRun(signal?: AbortSignal): Promise<DnsReadiness> {
    const readiness = new Readiness(['whether a change reaches every name server of the zone'])
    await readiness.prove(() => this.proveZone(signal))
    await readiness.prove(async () => {
      readiness.present = await this.read(signal)
      return `${describeRecordSet(readiness.present)} can be read`
    })
    if (readiness.present !== null) await readiness.prove(() => this.provePermission(signal))
    return readiness.result()
  }

  private async tryChange(request: ChangeRequest, signal?: AbortSignal): Promise<DnsChange> {
    const outcome = await this.replace(request, signal)
    if (!('refused' in outcome)) return outcome
    // It changed between reading and writing, or the answer to an earlier request was lost: what is there now decides.
    const again = await this.replace(request, signal)
    if ('refused' in again) throw again.refused
    return again
  }

  private async replace(request: ChangeRequest, signal?: AbortSignal): Promise<DnsChange | Extract<Submitted, { refused: unknown }>> {
    const { wanted, beforeChange } = request
    const found = await this.zone.find(signal)
    if (decideChange(found?.present ?? null, request) === 'already' || !found) {
      return { outcome: 'already', id: null, detail: `${describeRecordSet(wanted)} was there already` }
    }
    await beforeChange?.()
    const submitted = await this.zone.submit(replacing(found, withValues(found.raw, wanted)), signal)
    if ('refused' in submitted) return submitted
    const { id } = submitted
    const detail = `${this.what} changed from ${describeValues(found.present.values)} to ${describeValues(wanted.values)}, change ${id}`
    return { outcome: 'changed', id, detail }
  }

  private existing(found: FoundSet | null): FoundSet {
    if (found) return found
    throw new MusterError('PreconditionFailed', `the hosted zone ${this.record.hostedZone} has no record ${this.what}`, {
      hint: 'make it once, with the value of the site that is active',
    })
  }

  private async proveZone(signal?: AbortSignal): Promise<string> {
    const { hostedZone, zone } = this.record
    const found = await patiently(() => this.zone.describe(signal), this.retrySeconds, signal)
    const apex = canonicalDnsName(found.Name ?? '')
    if (apex !== zone) {
      throw new MusterError('PreconditionFailed', `the hosted zone ${hostedZone} is ${apex}, not ${zone}`, {
        hint: 'correct hostedZone or zone in muster.yaml',
      })
    }
    if (found.Config?.PrivateZone) {
      throw new MusterError('PreconditionFailed', `the hosted zone ${hostedZone} is private: only its own networks get its answers`, {
        hint: 'use a public hosted zone',
      })
    }
    return `the hosted zone ${hostedZone} is ${apex}`
  }

  /** By a batch that cannot succeed, since no set has this TTL; were it there, the set would only get back what it has. */
  private async provePermission(signal?: AbortSignal): Promise<string> {
    const found = this.existing(await patiently(() => this.zone.find(signal), this.retrySeconds, signal))
    const absent: FoundSet = { ...found, raw: { ...found.raw, TTL: found.present.ttlSeconds + 1 } }
    await patiently(() => this.zone.submit(replacing(absent, found.raw), signal), this.retrySeconds, signal)
    return `the key may change ${this.what}`
  }
}

function replacing(found: FoundSet, by: FoundSet['raw']): Parameters<Route53Zone['submit']>[0] {
  return [
    { Action: 'DELETE', ResourceRecordSet: found.raw },
    { Action: 'CREATE', ResourceRecordSet: by },
  ]
}

function notSettled(what: string, id: string, seconds: number): MusterError {
  return new MusterError('Timeout', `Route 53 accepted the change ${id} of ${what}, but after ${seconds} s it still says PENDING`, {
    hint: 'the record is changed and cannot be lost, but some name servers may give the old answer: look which by observing them, and ask again later',
  })
}
