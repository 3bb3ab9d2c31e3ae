/** The muster.yaml of both sites, written as a person would write it. */
import { join } from 'node:path'
import { type Database, serverOptions, serverUser } from './database.ts'
import type { Zone } from './name-servers.ts'
import { addresses } from './network.ts'
import type { Mode } from './options.ts'
import type { Person } from './people.ts'
import { trapSql } from './roll-back.ts'
import type { ScenarioPlaces, SiteName } from './places.ts'
import type { Vault } from './third-place.ts'

export const shipEverySeconds = 5

export interface ConfigParts {
  readonly database: Database
  readonly vault: Vault
  readonly zone: Zone
  readonly people: Readonly<Record<Person, string>>
  readonly recipients: readonly string[]
  readonly mode: Mode
}

const q = (text: string) => JSON.stringify(text)

export function configText(places: ScenarioPlaces, { database, vault, zone, people, recipients, mode }: ConfigParts): string {
  const { primary, dr } = places.sites
  return `# Written by the scenario: one shop, at home at site primary, that can move to site dr.
organisation: Scenario
sites:
  primary: { hosts: [${primary.host}] }
  dr: { hosts: [${dr.host}] }
  third: { hosts: [] }
stores:
  near: { type: directory, path: ${q(primary.store)}, hosts: [${primary.host}], site: primary }
  there: { type: directory, path: ${q(dr.store)}, hosts: [${dr.host}], site: dr }
  vault:
    type: s3
    site: third
    bucket: ${vault.bucket}
    endpoint: ${vault.endpoint}
    credentials: { write: ${q(vault.credentials)} }
encryption:
  recipients: [${recipients.join(', ')}]
  identity: ${q(`file:${join(places.secrets, 'identity.txt')}`)}
  restoreHosts: [${primary.host}, ${dr.host}]
people:
  alice: { role: approver, approve: ${q(people.alice)} }
  bob: { role: approver, approve: ${q(people.bob)} }
limits: { agent: 2s, heartbeat: 5s }
systems:
  shop:
    priority: P1
    objectives: { rpo: 1m, rto: 5m }
    copies: { required: { total: 1, offSite: 1 } }
    components:
      database:
        type: postgresql
        host: ${primary.host}
${databaseAt(places, 'primary', '        ')}
        binDirectory: ${q(database.binDirectory)}
        runAs: ${serverUser}
        checkpoint: fast
        wal: { shipEvery: ${shipEverySeconds}s }
        checks: [{ sql: select count(*) from orders, database: shop, min: 1 }, { sql: ${q(trapSql)}, database: shop, min: 1 }]
      uploads: { type: files, host: ${primary.host}, paths: [${q(primary.uploads)}], follows: database }
    restore: { commitAfter: 0 }
    failover:
      to: dr
      mode: ${mode}
      maxLoss: 1m
      components:
        database:
${databaseAt(places, 'dr', '          ')}
        uploads: { paths: [${q(dr.uploads)}] }
    dns:
      - provider: rfc2136
        name: ${zone.name}
        zone: ${zone.zone}
        ttl: ${zone.ttlSeconds}s
        values: { primary: [${addresses.primary}], dr: [${addresses.dr}] }
        nameServers: [{ server: ${addresses.dr}, site: dr }, { server: ${addresses.primary}, site: primary }]
        servers: [{ server: ${addresses.dr}, site: dr }]
        key: { name: ${zone.key}, secret: ${q(zone.secret)} }
`
}

function databaseAt(places: ScenarioPlaces, site: SiteName, indent: string): string {
  const { database, dataDirectory } = places.sites[site]
  return [
    `dataDirectory: ${q(dataDirectory)}`,
    `connection: { host: ${addresses[site]}, port: 5432, user: muster, password: ${q(`file:${places.secrets}/postgresql`)} }`,
    `server: { control: pg_ctl, options: ${JSON.stringify(serverOptions(places, site))}, logFile: ${q(join(database, 'server.log'))} }`,
  ]
    .map((line) => `${indent}${line}`)
    .join('\n')
}
