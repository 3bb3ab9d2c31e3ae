/**
 * The zone of the shop on two knot servers. The primary name server stands at the DR site and takes signed updates, so that a
 * lost primary site takes no way of changing the record with it; the secondary stands at the primary site and follows.
 */
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool } from '../../adapters/process/run-tool.ts'
import { startOn } from './machine.ts'
import { addresses } from './network.ts'
import type { ScenarioPlaces, SiteName } from './places.ts'
import { untilAnswered } from './third-place.ts'

export interface Zone {
  readonly zone: string
  /** The record that says where the shop is. */
  readonly name: string
  readonly ttlSeconds: number
  readonly key: string
  /** Reference to the secret of the key. */
  readonly secret: string
}

const zone = 'shop.example.'
const keyName = 'muster.'

export async function startNameServers(places: ScenarioPlaces): Promise<Zone> {
  const secret = randomBytes(32).toString('base64')
  await writeFile(join(places.secrets, 'tsig'), secret, { mode: 0o600 })
  const ttlSeconds = 30
  const lines = [
    `$ORIGIN ${zone}`,
    `$TTL ${ttlSeconds}`,
    '@ SOA ns1 hostmaster 1 60 1 600 60',
    '@ NS ns1',
    '@ NS ns2',
    `ns1 A ${addresses.dr}`,
    `ns2 A ${addresses.primary}`,
    `app A ${addresses.primary}`,
  ]
  await writeFile(join(places.sites.dr.nameServer, `${zone}zone`), `${lines.join('\n')}\n`)
  for (const site of ['dr', 'primary'] as const) {
    await writeFile(join(places.sites[site].nameServer, 'knot.conf'), configText(places, site, secret), { mode: 0o600 })
    await startNameServer(places, site)
  }
  return { zone, name: `app.${zone}`, ttlSeconds, key: keyName, secret: `file:${join(places.secrets, 'tsig')}` }
}

/** Also again, after its site was lost. */
export async function startNameServer(places: ScenarioPlaces, site: SiteName): Promise<void> {
  await startOn(places, site, 'name-server', ['knotd', '-c', join(places.sites[site].nameServer, 'knot.conf')], { PATH: `${process.env['PATH']}:/usr/sbin` })
  await untilAnswered(`the name server at ${site}`, () =>
    runTool('dig', ['+tries=1', '+time=1', '+short', `@${addresses[site]}`, zone, 'SOA']).then(({ stdout }) => {
      if (stdout.trim() === '') throw new Error('it has no zone yet')
    }),
  )
}

function configText({ sites }: ScenarioPlaces, site: SiteName, secret: string): string {
  const home = sites[site].nameServer
  const other = addresses[site === 'dr' ? 'primary' : 'dr']
  const isPrimary = site === 'dr'
  return `server:
  rundir: ${home}
  listen: ${addresses[site]}@53
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
log:
  - target: stderr
    any: warning
database:
  storage: ${home}
key:
  - id: ${keyName}
    algorithm: hmac-sha256
    secret: ${secret}
remote:
  - id: other
    address: ${other}@53
acl:
  - id: transfers
    address: ${other}
    action: [ transfer, notify ]
${isPrimary ? `  - id: updates\n    key: ${keyName}\n    action: update\n    update-type: [ A ]\n` : ''}zone:
  - domain: ${zone}
    storage: ${home}
    file: ${zone}zone
    acl: [ transfers${isPrimary ? ', updates' : ''} ]
    ${isPrimary ? 'notify' : 'master'}: other
`
}
