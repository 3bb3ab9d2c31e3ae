import assert from 'node:assert/strict'
import { parseConfig } from '../../config/load.ts'
import { asksForPerson, contactsOf, turnsOf } from '../../domain/contacts.ts'
import { kitItems } from '../../domain/recovery-kit.ts'
import { failsWith } from '../support/fails-with.ts'

const recipient = `age1${'q'.repeat(58)}`
const base = `organisation: Kennel
sites: { primary: { hosts: [localhost] }, dr: { hosts: [dr1] } }
stores: { local: { type: directory, path: /srv/muster, hosts: [localhost] } }
encryption: { restoreHosts: [localhost] }
systems:
  shop:
    priority: P1
    components: { uploads: { type: files, host: localhost, paths: [/srv/shop] } }
  blog:
    components: { pages: { type: files, host: localhost, paths: [/srv/blog] } }
    contacts: [{ role: the author, channels: [log] }]
`
const email = 'notifications: { email: { from: m@example.com, to: [ops@example.com], smtp: { host: smtp.example.com } } }\n'
const parse = (more: string) => parseConfig(base + more, 'muster.yaml', { recipients: [recipient], home: '/opt/ops', now: new Date('2026-11-21T00:00:00Z') })

describe('contacts in muster.yaml', () => {
  it('count in their order, with channels by name or addresses of their own; those of a system in place of all', () => {
    const { config } = parse(`${email}contacts:
  - { role: on call, channels: [email, { email: [dba@example.com] }], escalateAfter: 5m }
  - { role: head, channels: [{ slack: env:HEAD }] }
`)
    assert.deepEqual(contactsOf(config, 'shop'), [
      { role: 'on call', channels: ['email', { email: ['dba@example.com'] }], escalateAfterSeconds: 300 },
      { role: 'head', channels: [{ slack: 'env:HEAD' }], escalateAfterSeconds: 900 },
    ])
    // What a run carries names no address.
    assert.deepEqual(turnsOf(config, 'blog'), [{ role: 'the author', escalateAfterSeconds: 900 }])
    assert.ok(kitItems(config, 'primary').includes('env:HEAD'), 'whoever notifies at another site needs the webhook too')
  })

  it('leave no trace where there are none, so that the hash of a configuration without them stays', () => {
    const { config } = parse('')
    assert.ok(!('contacts' in config) && !('contacts' in (config.systems['shop'] ?? {})))
  })

  it('are refused at their line when their channel does not exist', () => {
    const refused = (more: string, message: RegExp) => assert.throws(() => parse(more), failsWith('ConfigInvalid', message))
    refused('contacts: [{ role: on call, channels: [email] }]\n', /^muster\.yaml:12:40 channel email is not configured; write notifications\.email/)
    refused(`${email}contacts: [{ role: on call, channels: [log, emial] }]\n`, /^muster\.yaml:13:45 there is no channel "emial"; did you mean "email"\?/)
    refused('contacts: [{ role: on call, channels: [{ email: [a@example.com] }] }]\n', /^muster\.yaml:12:40 needs notifications\.email/)
    refused('contacts: [{ role: a, channels: [log] }, { role: a, channels: [log] }]\n', /^muster\.yaml:12:50 two contacts are called "a"/)
    refused('contacts: [{ role: a, channels: [] }]\n', /^muster\.yaml:12:23 channels needs at least one item/)
  })

  it('are missed by a system of priority P1', () => {
    assert.match(parse('').warnings.join(), /^system shop: it is of priority P1 and has no contacts/)
    assert.deepEqual(parse('contacts: [{ role: a, channels: [log] }]\n').warnings, [])
  })
})

describe('what asks for a person', () => {
  it('is an alarm, an approval that is needed, and a failure that is critical', () => {
    const asks = (event: string, severity: string) => asksForPerson({ event, severity })
    assert.deepEqual([asks('alarm', 'warning'), asks('approval-needed', 'warning'), asks('failed', 'critical')], [true, true, true])
    assert.deepEqual([asks('failed', 'warning'), asks('succeeded', 'critical'), asks('started', 'critical')], [false, false, false])
  })
})
