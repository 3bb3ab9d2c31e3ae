/** The recorded histories of the failover of a site. */
import { attestBy, oldSide, oldSideGone } from '../test/support/move-script.ts'
import { failing, until, untilCancelled, untilPhase } from '../test/support/scripted-activities.ts'
import { shopRestorePlan, shopScript } from '../test/support/shop-script.ts'
import { cancelAt, type Recording } from './recording.ts'

const base = shopScript()

export const siteRecordings: Readonly<Record<string, Recording>> = {
  'failoverSite.planned': { input: { planOnly: true }, id: 'plan-of-a-site' },
  'failoverSite.plan-cancelled': {
    input: { planOnly: true },
    id: 'plan-of-a-site',
    script: { planRestore: untilCancelled() },
    meanwhile: cancelAt('planRestore'),
  },
  'failoverSite.succeeded': { script: { observeTargets: oldSide }, child: 'failover.succeeded-in-turn' },
  'failoverSite.succeeded-after-waits': {
    script: { observeTargets: oldSideGone, planRestore: shopRestorePlan({ approvals: { count: 1 } }) },
    meanwhile: async (handle, play) => {
      await until('the failover of the system', () => play.calls('scopeMove').length > 0)
      const child = handle.client.getHandle('target/shop')
      await untilPhase(child, 'waiting for approval')
      await until('the copy to be held', () => play.calls('checkRestored').length > 0)
      await child.executeUpdate('approve', { args: [{ plan: (await child.describe()).memo?.['plan'], person: 'bob' }] })
      await attestBy('alice', 'bob')(child)
    },
    child: 'failover.succeeded-in-turn-after-waits',
  },
  'failoverSite.succeeded-started-by-hand': { input: { at: 'dr' }, script: { observeTargets: oldSide } },
  'failoverSite.degraded': {
    script: {
      observeTargets: oldSide,
      scopeSite: async (input, attempt) => ({
        ...(await base.scopeSite(input, attempt)),
        leftOut: [{ system: 'wiki', priority: 'P3', why: 'no failover plan', detail: 'write failover for it in muster.yaml' }],
      }),
    },
  },
  'failoverSite.rolled-back': { script: { observeTargets: oldSide, holdAtTarget: failing('WalGap', 'WAL is missing after 0/5000000') } },
  'failoverSite.evidence-kept': { script: { observeTargets: oldSide } },
  'failoverSite.evidence-lost': { script: { observeTargets: oldSide, writeEvidence: failing('SecretMissing', 'there is no host key') } },
  'failoverSite.nothing-to-do': { script: { scopeSite: async (input, attempt) => ({ ...(await base.scopeSite(input, attempt)), systems: [] }) } },
  'failoverSite.cancelled': {
    script: { observeTargets: oldSide, saveTail: untilCancelled() },
    meanwhile: cancelAt('saveTail'),
    child: 'failover.stopped-in-turn',
  },
}
