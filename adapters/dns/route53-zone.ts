/** Requests to one hosted zone, with credentials that are resolved when they are needed and not kept. */
import {
  type Change,
  ChangeResourceRecordSetsCommand,
  GetChangeCommand,
  GetHostedZoneCommand,
  type HostedZone,
  ListResourceRecordSetsCommand,
  Route53Client,
} from '@aws-sdk/client-route-53'
import type { Route53RecordConfig } from '../../domain/config.ts'
import { MusterError } from '../../domain/failures.ts'
import { throwIfCancelled } from './cancelled.ts'
import { explainRoute53, isUnfitting } from './route53-failures.ts'
import { findSet, type FoundSet } from './route53-record.ts'

export interface Route53Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** The id of an accepted batch, or why the zone as it is does not allow it. */
export type Submitted = { readonly id: string } | { readonly refused: MusterError }

type AbortOption = { readonly abortSignal?: AbortSignal }

// Which Node Muster runs on is said by package.json and doctor, not by a library in the middle of a command's output.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true'

const connectionTimeoutMilliseconds = 5_000
const answerTimeoutMilliseconds = 20_000
const pageSize = 100

/** Every method throws what `explainRoute53` makes of the SDK's errors, and Cancelled. */
export class Route53Zone {
  private readonly record: Route53RecordConfig
  private readonly credentials: () => Promise<Route53Credentials>
  private readonly what: string

  constructor(record: Route53RecordConfig, credentials: () => Promise<Route53Credentials>) {
    this.record = record
    this.credentials = credentials
    this.what = `${record.name} ${record.type}`
  }

  /** The record set, null where there is none. @throws MusterError PreconditionFailed for one that Muster does not change */
  async find(signal?: AbortSignal): Promise<FoundSet | null> {
    const { hostedZone: HostedZoneId, name: StartRecordName } = this.record
    // Every type of the name: a CNAME in its place must be seen too.
    const request = new ListResourceRecordSetsCommand({ HostedZoneId, StartRecordName, MaxItems: pageSize })
    const listed = await this.with(`reading ${this.what}`, signal, (client, option) => client.send(request, option))
    return findSet(listed.ResourceRecordSets ?? [], this.record)
  }

  /** All of the changes, or none of them. */
  async submit(changes: readonly Change[], signal?: AbortSignal): Promise<Submitted> {
    const { hostedZone: HostedZoneId } = this.record
    const request = new ChangeResourceRecordSetsCommand({ HostedZoneId, ChangeBatch: { Changes: [...changes], Comment: 'muster' } })
    return this.with(`changing ${this.what}`, signal, async (client, option) => {
      try {
        const { ChangeInfo } = await client.send(request, option)
        return { id: (ChangeInfo?.Id ?? '').replace(/^\/change\//, '') }
      } catch (error) {
        if (isUnfitting(error)) return { refused: this.explained(error, `changing ${this.what}`) }
        throw error
      }
    })
  }

  async isSettled(id: string, signal?: AbortSignal): Promise<boolean> {
    const request = new GetChangeCommand({ Id: id })
    const { ChangeInfo } = await this.with(`asking for the change ${id}`, signal, (client, option) => client.send(request, option))
    return ChangeInfo?.Status === 'INSYNC'
  }

  async describe(signal?: AbortSignal): Promise<HostedZone> {
    const request = new GetHostedZoneCommand({ Id: this.record.hostedZone })
    const { HostedZone: zone } = await this.with('looking', signal, (client, option) => client.send(request, option))
    if (!zone) throw new MusterError('Unreachable', `an empty answer was given for the hosted zone ${this.record.hostedZone}`)
    return zone
  }

  private async with<T>(doing: string, signal: AbortSignal | undefined, act: (client: Route53Client, option: AbortOption) => Promise<T>): Promise<T> {
    throwIfCancelled(signal)
    const client = this.connect(await this.credentials())
    try {
      return await act(client, signal ? { abortSignal: signal } : {})
    } catch (error) {
      throwIfCancelled(signal)
      throw this.explained(error, doing)
    } finally {
      client.destroy()
    }
  }

  private explained(error: unknown, doing: string): MusterError {
    const { hostedZone, endpoint } = this.record
    return explainRoute53(error, { hostedZone, server: endpoint ?? 'Route 53' }, doing)
  }

  private connect({ accessKeyId, secretAccessKey }: Route53Credentials): Route53Client {
    const { region, endpoint } = this.record
    return new Route53Client({
      region,
      ...(endpoint !== undefined && { endpoint }),
      credentials: { accessKeyId, secretAccessKey },
      // Tried again by a rule of our own, which looks at the record first.
      maxAttempts: 1,
      requestHandler: { connectionTimeout: connectionTimeoutMilliseconds, socketTimeout: answerTimeoutMilliseconds },
    })
  }
}
