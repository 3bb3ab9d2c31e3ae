/** A zone of real servers, a primary and a secondary, and a person who changes records there behind Muster's back. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { DnsRecordType } from '../../domain/dns-values.ts'
import { runTool } from '../../adapters/process/run-tool.ts'
import { freeNetwork } from './free-port.ts'
import { type KnotKey, type KnotPlace, type KnotServer, makeKey, startKnot } from './knot-server.ts'

const followSeconds = 30

export interface DnsZone {
  readonly zone: string
  readonly key: KnotKey
  readonly port: number
  readonly primary: KnotServer
  readonly secondary: KnotServer
  /** Puts a record there, whatever was there before; without values it is removed. */
  put(name: string, type: DnsRecordType, ttlSeconds: number, values: readonly string[]): Promise<void>
  /** The lines of the record at a server, sorted. */
  held(name: string, type: DnsRecordType, at?: KnotPlace): Promise<string[]>
  serial(at?: KnotPlace): Promise<number>
  /** Until the secondary has what the primary has. */
  followed(): Promise<void>
  stop(): Promise<void>
}

/** @param options `secondaryFollows` false for a secondary that has the zone once and never again; `lines` more of its file */
export async function startDnsZone(
  zone = 'kennel.example.',
  options: { readonly secondaryFollows?: boolean; readonly lines?: readonly string[] } = {},
): Promise<DnsZone> {
  const network = await freeNetwork()
  const { port } = network
  const [one, two] = [
    { address: network.address(1), port },
    { address: network.address(2), port },
  ]
  const key = makeKey()
  const lines = [...zoneLines(zone, one, two), ...(options.lines ?? [])]
  const follows = options.secondaryFollows ?? true
  const primary = await startKnot(one, key, [{ zone, lines, secondaries: follows ? [two] : [], updates: ['A', 'AAAA', 'CNAME'] }])
  const secondary = await startKnot(two, key, [follows ? { zone, primary: one } : { zone, lines }])
  const dig = async (at: KnotPlace, name: string, type: string): Promise<string> => {
    const { stdout } = await runTool('dig', ['+noall', '+answer', '+norecurse', `@${at.address}`, '-p', String(at.port), name, type])
    return stdout
  }
  const serial = async (at: KnotPlace = one): Promise<number> => Number((await dig(at, zone, 'SOA')).split(/\s+/)[6])
  return {
    zone,
    key,
    port,
    primary,
    secondary,
    async put(name, type, ttlSeconds, values) {
      const adds = values.map((value) => `update add ${name} ${ttlSeconds} IN ${type} ${value}`)
      const script = [
        `server ${one.address} ${port}`,
        `zone ${zone}`,
        `key ${key.algorithm}:${key.name} ${key.secret}`,
        `update delete ${name} ${type}`,
        ...adds,
        'send',
      ]
      await runTool('nsupdate', [], { stdin: `${script.join('\n')}\n` })
    },
    async held(name, type, at = one) {
      const rows = (await dig(at, name, type)).split('\n').filter((line) => line !== '')
      return rows
        .map((row) => row.replaceAll(/\s+/g, ' '))
        .filter((row) => row.startsWith(`${name} `))
        .sort()
    },
    serial,
    async followed() {
      const deadline = Date.now() + followSeconds * 1000
      while ((await serial(two)) !== (await serial(one))) {
        if (Date.now() > deadline) throw new Error(`the secondary has not followed within ${followSeconds} s`)
        await sleep(50)
      }
    },
    async stop() {
      await secondary.stop()
      await primary.stop()
    },
  }
}

function zoneLines(zone: string, one: KnotPlace, two: KnotPlace): string[] {
  return [`$ORIGIN ${zone}`, '$TTL 300', '@ SOA ns1 hostmaster 1 60 1 600 60', '@ NS ns1', '@ NS ns2', `ns1 A ${one.address}`, `ns2 A ${two.address}`]
}
