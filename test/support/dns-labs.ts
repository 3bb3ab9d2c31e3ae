/** DNS records of each provider for tests: real servers, the emulator, and the strict Route 53. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Dns } from '../../adapters/dns/dns.ts'
import type {
  CommandRecordConfig,
  DnsRecordConfig,
  ManualRecordConfig,
  NameServerConfig,
  Rfc2136RecordConfig,
  Route53RecordConfig,
} from '../../domain/config.ts'
import { type RecordSet, recordSet } from '../../domain/dns.ts'
import type { DnsRecordType } from '../../domain/dns-values.ts'
import { createDns } from '../../wiring/dns.ts'
import { type DnsZone, startDnsZone } from './dns-zone.ts'
import { startMoto } from './moto-server.ts'
import { type Route53Server, startRoute53 } from './route53-server.ts'

export interface DnsLab {
  readonly zone: string
  /** What the configuration of a record has in common. */
  configure(name: string, type: DnsRecordType, values: DnsRecordConfig['values']): DnsRecordConfig
  /** Puts a record there behind Muster's back; no values remove it. */
  put(name: string, type: DnsRecordType, ttlSeconds: number, values: readonly string[]): Promise<void>
  /** What is really there, asked in another way than the adapter's. */
  held(name: string, type: DnsRecordType): Promise<{ readonly ttlSeconds: number; readonly values: readonly string[] } | null>
  stop(): Promise<void>
}

export const ttlSeconds = 60

export function nameServers(...servers: readonly { readonly address: string; readonly port: number; readonly site?: string }[]): readonly NameServerConfig[] {
  return servers.map(({ address: host, port, site }) => ({ host, port, ...(site !== undefined && { site }) }))
}

/** The provider of a record as the wiring makes it; in tests a reference `env:…` carries the secret itself. */
export function openDns(record: DnsRecordConfig, options: Parameters<typeof createDns>[2] = {}): Dns {
  return createDns(record, { resolve: (reference) => Promise.resolve(reference.replace('env:', '')) }, options)
}

export function setOf(config: DnsRecordConfig, site: string): RecordSet {
  return recordSet({ name: config.name, type: config.type, ttlSeconds: config.ttlSeconds, values: config.values[site] ?? [] })
}

/** Two real servers that take updates with a key. */
export async function knotLab(): Promise<DnsLab & { readonly servers: DnsZone }> {
  const servers = await startDnsZone()
  const { zone, primary } = servers
  return {
    zone,
    servers,
    configure: (name, type, values) => rfc2136Record(servers, name, type, values),
    put: (name, type, ttl, values) => servers.put(name, type, ttl, values),
    async held(name, type) {
      const rows = (await servers.held(name, type, primary)).map((row) => row.split(' '))
      const own = rows.filter((row) => row[3] === type)
      return own.length === 0 ? null : { ttlSeconds: Number(own[0]?.[1]), values: own.map((row) => row[4] ?? '').sort() }
    },
    stop: () => servers.stop(),
  }
}

export function rfc2136Record(servers: DnsZone, name: string, type: DnsRecordType, values: DnsRecordConfig['values']): Rfc2136RecordConfig {
  const { zone, primary, secondary, key } = servers
  return {
    provider: 'rfc2136',
    name,
    type,
    zone,
    ttlSeconds,
    values,
    minimumObserved: 1,
    nameServers: nameServers(primary, secondary),
    servers: [{ host: primary.address, port: primary.port, site: 'dr' }],
    key: { name: key.name, algorithm: key.algorithm, secret: `env:${key.secret}` },
  }
}

/** The same servers, changed by a program of their owner. */
export async function commandLab(): Promise<DnsLab> {
  const lab = await knotLab()
  const { primary, key, zone } = lab.servers
  const home = await mkdtemp(join(tmpdir(), 'muster-dns-command-'))
  const program = join(home, 'change')
  await writeFile(join(home, 'key'), `key "${key.name}" { algorithm ${key.algorithm}; secret "${key.secret}"; };\n`, { mode: 0o600 })
  await writeFile(program, changeProgram(home, primary, zone))
  await chmod(program, 0o755)
  return {
    ...lab,
    configure(name, type, values): CommandRecordConfig {
      const { nameServers: servers, minimumObserved } = lab.configure(name, type, values)
      const read = ['dig', '+noall', '+answer', '+norecurse', `@${primary.address}`, '-p', String(primary.port), name, type]
      return { provider: 'command', name, type, zone, ttlSeconds, values, nameServers: servers, minimumObserved, read, change: [program], timeoutSeconds: 10 }
    },
    async stop() {
      await rm(home, { recursive: true, force: true })
      await lab.stop()
    },
  }
}

function changeProgram(home: string, { address, port }: { readonly address: string; readonly port: number }, zone: string): string {
  return `#!/bin/sh
set -eu
{
  echo "server ${address} ${port}"
  echo "zone ${zone}"
  for value in $MUSTER_DNS_EXPECTED; do echo "prereq yxrrset $MUSTER_DNS_NAME IN $MUSTER_DNS_TYPE $value"; done
  echo "update delete $MUSTER_DNS_NAME $MUSTER_DNS_TYPE"
  for value in $MUSTER_DNS_WANTED; do echo "update add $MUSTER_DNS_NAME $MUSTER_DNS_TTL IN $MUSTER_DNS_TYPE $value"; done
  echo send
} | nsupdate -k ${home}/key 2> ${home}/said.$$ || { grep -q NXRRSET ${home}/said.$$ && exit 10; cat ${home}/said.$$ >&2; exit 1; }
`
}

/** The same servers, changed by a person. */
export async function manualLab(): Promise<DnsLab> {
  const lab = await knotLab()
  return {
    ...lab,
    configure(name, type, values): ManualRecordConfig {
      const { zone, nameServers: servers, minimumObserved } = lab.configure(name, type, values)
      return { provider: 'manual', name, type, zone, ttlSeconds, values, nameServers: servers, minimumObserved }
    },
  }
}

/** The emulator of Route 53. */
export async function motoLab(): Promise<DnsLab> {
  const moto = await startMoto()
  const { zone, hostedZone, endpoint, nameServer } = moto
  return {
    zone,
    configure: (name, type, values) => ({
      ...route53Common(name, type, values, endpoint, hostedZone, zone),
      credentials: 'env:test:test',
      nameServers: nameServers(nameServer),
    }),
    async put(name, type, ttl, values) {
      const set = { Name: name, Type: type, TTL: ttl }
      const held = await moto.find(name)
      if (held) {
        const there = { ...set, Type: held.type, TTL: held.ttlSeconds, ResourceRecords: held.values.map((Value) => ({ Value })) }
        await moto.change([{ Action: 'DELETE', ResourceRecordSet: there }])
      }
      if (values.length > 0) await moto.change([{ Action: 'UPSERT', ResourceRecordSet: { ...set, ResourceRecords: values.map((Value) => ({ Value })) } }])
    },
    held: async (name, type) => {
      const found = await moto.find(name)
      return found?.type === type ? { ttlSeconds: found.ttlSeconds, values: [...found.values].sort() } : null
    },
    stop: () => moto.stop(),
  }
}

/** The strict Route 53. */
export async function route53Lab(): Promise<DnsLab & { readonly server: Route53Server }> {
  const server = await startRoute53()
  const { zone } = server
  return {
    zone,
    server,
    configure: (name, type, values) => route53Record(server, name, type, values),
    put(name, type, ttl, values) {
      const others = server.sets.filter((set) => set.name !== name || set.type !== type)
      const set = { name, type, setIdentifier: null, ttl: String(ttl), values, rest: '' }
      server.sets = values.length === 0 ? others : [...others, set]
      return Promise.resolve()
    },
    held(name, type) {
      const [set] = server.sets.filter((one) => one.name === name && one.type === type)
      return Promise.resolve(set ? { ttlSeconds: Number(set.ttl), values: set.values.toSorted() } : null)
    },
    stop: () => server.stop(),
  }
}

export function route53Record(server: Route53Server, name: string, type: DnsRecordType, values: DnsRecordConfig['values']): Route53RecordConfig {
  return {
    ...route53Common(name, type, values, server.endpoint, server.hostedZone, server.zone),
    credentials: `env:${server.accessKeyId}:${server.secretAccessKey}`,
    nameServers: nameServers(server.nameServer),
  }
}

function route53Common(name: string, type: DnsRecordType, values: DnsRecordConfig['values'], endpoint: string, hostedZone: string, zone: string) {
  return { provider: 'route53', name, type, zone, ttlSeconds, values, minimumObserved: 1, hostedZone, endpoint, region: 'us-east-1', settleSeconds: 5 } as const
}
