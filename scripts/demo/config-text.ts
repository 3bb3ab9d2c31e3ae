/** The demo's muster.yaml, written as a person would write it. */
import { noticesFile, type PostOffice } from './notices.ts'
import type { DemoPlaces } from './places.ts'
import type { ShopDatabase } from './postgres.ts'
import type { OffsiteStore } from './s3.ts'
import type { ShopService } from './service.ts'

export const objectives = { rpoSeconds: 60, rtoSeconds: 240 } as const

export interface ShopParts {
  readonly database: ShopDatabase
  readonly service: ShopService
  readonly offsite: OffsiteStore
  readonly postOffice: PostOffice
  readonly recipients: readonly string[]
}

export function configText(places: DemoPlaces, { database, service, offsite, postOffice, recipients }: ShopParts): string {
  const { start, stop, status } = service.commands
  const q = (text: string) => JSON.stringify(text)
  return `# Written by the demo: a shop with a database, its uploads and a service on top, and three copies of everything.
organisation: Demo
sites:
  primary: { hosts: [localhost] }
  elsewhere: { hosts: [] }
stores:
  local: { type: directory, path: ${q(places.stores.local)} }
  nas: { type: directory, path: ${q(places.stores.nas)}, host: nas, site: primary }
  offsite:
    type: s3
    site: elsewhere
    bucket: ${offsite.bucket}
    endpoint: ${offsite.endpoint}
    credentials: { write: ${q(offsite.credentials)} }
encryption:
  recipients: [${recipients.join(', ')}]
  identity: ${q(`file:${places.identity}`)}
people:
  alice: { email: alice@example.com, role: approver }
  bob: { email: bob@example.com, role: operator }
systems:
  shop:
    priority: P1
    objectives: { rpo: ${objectives.rpoSeconds}s, rto: ${objectives.rtoSeconds}s }
    copies: { required: { total: 1, offSite: 1 } }
    components:
      database:
        type: postgresql
        dataDirectory: ${q(places.disk.dataDirectory)}
        connection: { host: 127.0.0.1, port: ${database.port}, user: muster, password: ${q(`file:${places.secrets}/postgresql`)} }
        binDirectory: ${q(database.binDirectory)}
${database.runAs === null ? '' : `        runAs: ${database.runAs}\n`}        server: { control: pg_ctl, logFile: ${q(`${places.disk.database}/server.log`)} }
        checkpoint: fast
        wal: { shipEvery: 5s }
        checks:
          - { sql: select count(*) from orders, database: shop, min: 1 }
          - { sql: select max(placed_at) from orders, database: shop, maxAge: 1h }
      uploads: { type: files, paths: [${q(places.disk.uploads)}], follows: database }
    services:
      shop:
        type: command
        start: ${JSON.stringify(start)}
        stop: ${JSON.stringify(stop)}
        status: ${JSON.stringify(status)}
        health: { http: ${q(`${service.url}/health`)} }
    restore: { commitAfter: 0 }
notifications:
  email:
    from: Muster <muster@example.com>
    to: [ops@example.com]
    smtp: { host: 127.0.0.1, port: ${postOffice.smtpPort} }
  slack: { webhook: ${q(postOffice.webhook)} }
  log: { path: ${q(noticesFile(places))} }
`
}
