/** The recorded histories of what looks after a system on a schedule: `monitorHealth` and `probeSystem`. */
import type { ProbeScope } from '../activities/site/scope-probes.ts'
import { failing, type Script, untilCancelled } from '../test/support/scripted-activities.ts'
import { oldSide } from '../test/support/move-script.ts'
import { shopScript } from '../test/support/shop-script.ts'
import { cancelAt, type Recording, turns, unheard } from './recording.ts'

const base = shopScript()
const unproven = {
  word: 'degraded',
  component: null,
  text: 'it was never proven: drills are configured and none has run',
  next: 'muster drill shop',
} as const
const notReached: Script['probeService'] = () => ({ reached: false, detail: 'refuses connections' })
const lookedAt =
  (changes: Partial<ProbeScope> = {}): Script['scopeProbes'] =>
  async (input, attempt) => ({ ...(await base.scopeProbes(input, attempt)), sites: ['dr', 'primary'], active: 'dr', ...changes })
const judgedUnproven =
  (contacts?: ReturnType<typeof turns>): Script['judgeHealth'] =>
  async (input, attempt) => ({ ...(await base.judgeHealth(input, attempt)), word: 'degraded', reasons: [unproven], ...(contacts && { contacts }) })

const judgedWell: Script['judgeHealth'] = async (input, attempt) => ({ ...(await base.judgeHealth(input, attempt)), contacts: turns(600) })
const blind = failing('SecretMissing', 'there is no host key')
const unscoped = failing('ConfigInvalid', 'there is no such config')

export const lookRecordings: Readonly<Record<string, Recording>> = {
  'monitorHealth.succeeded': {},
  'monitorHealth.degraded': {
    script: { judgeHealth: async (input, attempt) => ({ ...(await base.judgeHealth(input, attempt)), word: 'degraded', reasons: [unproven] }) },
  },
  'monitorHealth.degraded-not-ready': {
    script: {
      judgeHealth: async (input, attempt) => ({ ...(await base.judgeHealth(input, attempt)), failoverTo: 'primary' }),
      scopeMove: failing('IdentityMissing', 'beta has no age identity'),
    },
  },
  'monitorHealth.degraded-fence': {
    script: {
      judgeHealth: async (input, attempt) => ({ ...(await base.judgeHealth(input, attempt)), failoverTo: 'primary', fenced: true }),
      observeTargets: oldSide,
      tryFence: () => ({ problem: 'the fence needs /usr/local/bin/power, not found here or not executable' }),
    },
  },
  'monitorHealth.degraded-nobody-reached': {
    script: {
      judgeHealth: async (input, attempt) => ({ ...(await base.judgeHealth(input, attempt)), word: 'degraded', reasons: [unproven], contacts: turns(600) }),
    },
  },
  'monitorHealth.degraded-unheard': { script: { judgeHealth: judgedUnproven(), notifyPeople: unheard } },
  'monitorHealth.degraded-unheard-contacts': { script: { judgeHealth: judgedUnproven(turns(600)), notifyPeople: unheard } },
  'monitorHealth.degraded-first-missed': {
    script: {
      judgeHealth: judgedUnproven(turns(600)),
      notifyPeople: (input, attempt) =>
        input.contacts?.includes(1) ? { delivered: ['log'], failed: [], contacts: [{ contact: 1, role: 'lead' }] } : unheard(input, attempt),
    },
  },
  'monitorHealth.degraded-dns': {
    script: {
      judgeHealth: async (input, attempt) => ({ ...(await base.judgeHealth(input, attempt)), dns: ['app.shop.example. A'], activeSite: 'dr' }),
      observeDns: async (input, attempt) => ({
        ...(await base.observeDns(input, attempt)),
        everywhere: false,
        missing: ['ns1.shop.example.: answers 192.0.2.1 instead of 198.51.100.1'],
      }),
    },
  },
  'monitorHealth.failed': { script: { judgeHealth: failing('SecretMissing', 'there is no host key') } },
  'monitorHealth.failed-unheard': { script: { judgeHealth: failing('SecretMissing', 'there is no host key'), notifyPeople: unheard } },
  'monitorHealth.failed-again': { after: [{ judgeHealth: judgedWell }, { judgeHealth: blind }, { judgeHealth: blind }], script: { judgeHealth: blind } },
  'monitorHealth.succeeded-looks-again': { after: [{ judgeHealth: judgedWell }, { judgeHealth: blind }], script: { judgeHealth: judgedWell } },
  'monitorHealth.cancelled': { script: { judgeHealth: untilCancelled() }, meanwhile: cancelAt('judgeHealth') },
  'probeSystem.succeeded': {},
  'probeSystem.degraded-lost': { script: { probeService: notReached, scopeProbes: lookedAt({ warm: true }) } },
  'probeSystem.degraded-not-ready': {
    script: { probeService: notReached, scopeProbes: lookedAt(), scopeMove: failing('IdentityMissing', 'beta has no age identity') },
  },
  'probeSystem.degraded-unheard': { script: { probeService: notReached, scopeProbes: lookedAt(), notifyPeople: unheard } },
  'probeSystem.degraded-unknown': { script: { scopeProbes: lookedAt({ hosts: ['gone'] }) } },
  'probeSystem.failed': { script: { scopeProbes: failing('InvalidInput', 'system "shop" has no vantage points') } },
  'probeSystem.failed-unheard': { script: { scopeProbes: failing('ConfigInvalid', 'there is no such config'), notifyPeople: unheard } },
  'probeSystem.failed-again': { after: [{ scopeProbes: unscoped }], script: { scopeProbes: unscoped } },
  'probeSystem.succeeded-looks-again': { after: [{ scopeProbes: unscoped }], script: {} },
  'probeSystem.degraded-heard-at-last': {
    after: [{ probeService: notReached, scopeProbes: lookedAt(), notifyPeople: unheard }],
    script: { probeService: notReached, scopeProbes: lookedAt(), notifyPeople: base.notifyPeople },
  },
  'probeSystem.cancelled': { script: { probeService: untilCancelled() }, meanwhile: cancelAt('probeService') },
}
