import assert from 'node:assert/strict'
import type { Config } from '../../domain/config.ts'
import { parseConfig } from '../../config/load.ts'
import { createFindings } from '../../wiring/doctor/findings.ts'
import { examineGuards } from '../../wiring/doctor/guards.ts'
import { createSystemctlStandIn, type SystemctlStandIn } from '../support/systemctl-stand-in.ts'

const asking = '{ path=/usr/bin/env ; argv[]=/usr/bin/env MUSTER_HOME=/var/lib/muster muster guard shop --host db1 ; ignore_errors=no ; status=0/0 }'

function configOf(failover: string): Config {
  return parseConfig(
    `
organisation: Test
sites: { primary: { hosts: [db1] }, dr: { hosts: [dr1] } }
stores: { offsite: { type: directory, path: /mnt/offsite, hosts: [db1, dr1], site: dr, host: dr1 } }
encryption: { restoreHosts: [db1, dr1] }
systems:
  shop:
    components:
      database: { type: postgresql, host: db1, dataDirectory: /srv/pg, server: { control: systemd, unit: postgresql@15-main } }
    services: { web: { type: systemd, unit: shop-web, host: db1 } }
    ${failover}
`,
    'muster.yaml',
    { recipients: ['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'] },
  ).config
}

describe('what doctor says of guards', () => {
  let systemctl: SystemctlStandIn
  const before = process.env['MUSTER_SYSTEMCTL']

  beforeEach(async () => {
    systemctl = await createSystemctlStandIn()
    process.env['MUSTER_SYSTEMCTL'] = systemctl.path
  })
  afterEach(async () => {
    if (before === undefined) delete process.env['MUSTER_SYSTEMCTL']
    else process.env['MUSTER_SYSTEMCTL'] = before
    await systemctl.remove()
  })

  async function examine(config: Config, host = 'db1'): Promise<readonly string[]> {
    const findings = createFindings()
    const places = { configFile: '', home: '', keys: '' }
    await examineGuards(findings, { places, config, systems: ['shop'], hosts: [host], applied: true, now: new Date() })
    return findings.all.map(({ severity, message }) => `${severity}: ${message}`)
  }

  it('names the units that start without asking, and not those that ask', async () => {
    await systemctl.setUnit('postgresql@15-main.service', { state: 'active', execStartPre: asking })
    await systemctl.setUnit('shop-web.service', { state: 'active', execStartPre: asking.replace('guard shop', 'guard shopping') })
    assert.deepEqual(await examine(configOf('failover: { to: dr }')), [
      'ok: unit postgresql@15-main.service of database asks it before it starts',
      'warning: unit shop-web.service of web starts without asking: after a failover it would serve again when this machine comes back',
    ])
  })

  it('says where a host reaches no store outside its site, so that its guard could only refuse', async () => {
    for (const unit of ['postgresql@15-main.service', 'shop-web.service']) await systemctl.setUnit(unit, { state: 'active', execStartPre: asking })
    const [first] = await examine(configOf('failover: { to: dr }'), 'dr1')
    assert.match(first ?? '', /^warning: dr1 reaches no store that stands outside site dr: its guard can know nothing/)
  })

  it('has nothing to say of a system that can be nowhere else', async () => {
    assert.deepEqual(await examine(configOf('')), [])
    assert.deepEqual(await systemctl.calls(), [])
  })
})
