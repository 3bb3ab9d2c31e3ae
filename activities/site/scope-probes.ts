import { type ContactTurn, turnsOf } from '../../domain/contacts.ts'
import { MusterError } from '../../domain/failures.ts'
import { sitesOf } from '../../domain/placement.ts'
import type { ProbeRule } from '../../domain/probes.ts'
import { defaultTimeLimits, type TimeLimits } from '../../domain/time-limits.ts'
import { within } from '../../repository/within.ts'
import { type Agent, systemOf } from '../agent.ts'
import type { Work } from '../boundary.ts'
import { activeSite } from './active-site.ts'

export interface ProbeScope extends ProbeRule {
  readonly configHash: string
  /** Vantage points. */
  readonly hosts: readonly string[]
  /** What is asked, in words: no address. */
  readonly check: string
  /** Home first; two where it can fail over. */
  readonly sites: readonly string[]
  /** Where it is active; null where no store says so. */
  readonly active: string | null
  /** It has a standby at its other site. */
  readonly warm: boolean
  /** A run that has begun to change the system: what is stopped is stopped on purpose. */
  readonly changing: string | null
  readonly limits: TimeLimits
  readonly contacts: readonly ContactTurn[]
}

/** Stores and Temporal may be lost with the site that is watched: they are not waited for. */
const lookSeconds = 10

/** The system is still as it was. */
const notYet: readonly string[] = ['starting', 'planning', 'waiting for approval']

/**
 * Says from where a system is looked at and how that is judged.
 *
 * Effect: none.
 * Idempotent: yes, it only reads.
 * Heartbeat: none needed.
 * Fails with: UnknownName, ConfigInvalid, InvalidInput (no probes). What does not answer is left out.
 */
export function scopeProbes(agent: Agent) {
  return async (input: { readonly system: string; readonly configHash: string | null }, _work: Work): Promise<ProbeScope> => {
    const { whole, hash } = await agent.config(input.configHash)
    const { probes, failover } = systemOf(whole, input.system)
    if (!probes) {
      throw new MusterError('InvalidInput', `system "${input.system}" has no vantage points`, {
        hint: 'write probes for it in muster.yaml, then: muster apply',
      })
    }
    const [active, phase] = await Promise.all([
      within(lookSeconds, () => activeSite(agent, whole, input.system)).catch(() => null),
      within(lookSeconds, () => agent.histories.phaseOf(`target/${input.system}`)).catch(() => null),
    ])
    const { from, quorum, failures, everySeconds, check } = probes
    return {
      configHash: hash,
      hosts: from,
      quorum,
      failures,
      everySeconds,
      check: 'service' in check ? `service ${check.service}` : input.system,
      sites: sitesOf(whole, input.system),
      active,
      warm: failover?.mode === 'warm',
      changing: phase === null || notYet.includes(phase) ? null : `target/${input.system} at: ${phase}`,
      limits: whole.limits ?? defaultTimeLimits,
      contacts: turnsOf(whole, input.system),
    }
  }
}
