/** The emulator of Amazon's services (moto) with one hosted zone, and a name server that gives what the emulator holds. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Change, ChangeResourceRecordSetsCommand, CreateHostedZoneCommand, ListResourceRecordSetsCommand, Route53Client } from '@aws-sdk/client-route-53'
import type { DnsRecordType } from '../../domain/dns-values.ts'
import { startTool } from '../../adapters/process/run-tool.ts'
import { freePort } from './free-port.ts'
import { type NameServer, type ServedRecord, startNameServer } from './name-server.ts'
import { motoServerPath } from './tools.ts'

export interface MotoServer {
  readonly endpoint: string
  readonly hostedZone: string
  readonly zone: string
  readonly nameServer: NameServer
  find(name: string): Promise<ServedRecord | null>
  change(changes: readonly Change[]): Promise<void>
  stop(): Promise<void>
}

const startWithinSeconds = 30

export async function startMoto(zone = 'kennel.example.'): Promise<MotoServer> {
  const port = await freePort()
  const tool = startTool(await motoServerPath(), ['-H', '127.0.0.1', '-p', String(port)], { stdout: 'discard' })
  let end: string | undefined
  tool.done.then(
    () => (end = 'it ended'),
    (error: unknown) => (end = String(error)),
  )
  const endpoint = `http://127.0.0.1:${port}`
  const deadline = Date.now() + startWithinSeconds * 1000
  while (!(await answers(endpoint))) {
    if (end !== undefined) throw new Error(`the emulator did not start: ${end}`)
    if (Date.now() > deadline) throw new Error(`the emulator did not answer within ${startWithinSeconds} s`)
    await sleep(50)
  }
  const client = new Route53Client({ region: 'us-east-1', endpoint, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } })
  const made = await client.send(new CreateHostedZoneCommand({ Name: zone, CallerReference: 'test' }))
  const hostedZone = (made.HostedZone?.Id ?? '').replace('/hostedzone/', '')
  const find = async (name: string): Promise<ServedRecord | null> => {
    const { ResourceRecordSets: sets = [] } = await client.send(new ListResourceRecordSetsCommand({ HostedZoneId: hostedZone, StartRecordName: name }))
    const set = sets.find((one) => one.Name === name)
    if (!set) return null
    return { type: set.Type as DnsRecordType, ttlSeconds: set.TTL ?? 0, values: (set.ResourceRecords ?? []).map(({ Value = '' }) => Value) }
  }
  const nameServer = await startNameServer(find)
  return {
    endpoint,
    hostedZone,
    zone,
    nameServer,
    find,
    change: async (changes) =>
      void (await client.send(new ChangeResourceRecordSetsCommand({ HostedZoneId: hostedZone, ChangeBatch: { Changes: [...changes] } }))),
    stop: async () => {
      client.destroy()
      await nameServer.stop()
      await tool.end()
    },
  }
}

function answers(endpoint: string): Promise<boolean> {
  return fetch(`${endpoint}/moto-api/`).then(
    () => true,
    () => false,
  )
}
