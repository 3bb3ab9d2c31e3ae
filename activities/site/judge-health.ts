import type { ShipperStatus } from '../../adapters/component/postgresql/shipper-protocol.ts'
import { type ContactTurn, turnsOf } from '../../domain/contacts.ts'
import { siteOfSystem } from '../../domain/copies.ts'
import { dnsRecordId } from '../../domain/dns-plan.ts'
import { otherSite } from '../../domain/placement.ts'
import { judgeSystem, type ProtectionWord, type Reason } from '../../domain/protection.ts'
import { defaultTimeLimits, type TimeLimits } from '../../domain/time-limits.ts'
import { secondsBetween } from '../../domain/times.ts'
import { observeSystem } from '../../repository/observe-system.ts'
import { type Agent, systemOf } from '../agent.ts'
import type { Work } from '../boundary.ts'
import { kitReasons } from './judge-kit.ts'

export interface Health {
  readonly configHash: string
  readonly word: ProtectionWord
  /** Upper bound; null where nothing could be brought back. */
  readonly lostNowSeconds: number | null
  /** Worst first. */
  readonly reasons: readonly Reason[]
  /** When a drill last brought everything back; ISO-8601 UTC, null for never. */
  readonly lastProvenAt: string | null
  /** The site that it would fail over to; null where it has none. */
  readonly failoverTo: string | null
  readonly limits: TimeLimits
  /** Whether that failover has a fence command. Absent where not, and in older histories. */
  readonly fenced?: true
  /** Its DNS records, as `planDns` names them. Absent where it has none, and in older histories; the same of `activeSite`. */
  readonly dns?: readonly string[]
  /** Where the stores say that it is active: where its records have to lead. */
  readonly activeSite?: string
  /** Who is told after whom while an alarm stands; absent where nobody is, and in older histories. */
  readonly contacts?: readonly ContactTurn[]
}

/** A store that hangs must not keep the others from being judged. */
const storeSeconds = 30

/** Nobody here knows which runs go on: a backup that is this young may still be on its way into a store. */
const copyingSeconds = 900

/** More would not fit a payload, and nobody reads them. */
const mostReasons = 50

/**
 * Judges how well a system is protected, from what its stores hold and from the WAL shipper of this host.
 *
 * Effect: none.
 * Idempotent: yes, it only looks.
 * Heartbeat: none needed.
 * Fails with: UnknownName, ConfigInvalid, KeyNotTrusted. What does not answer is in the result.
 */
export function judgeHealth(agent: Agent) {
  return async (input: { readonly system: string; readonly configHash: string | null }, _work: Work): Promise<Health> => {
    const { config, whole, hash } = await agent.config(input.configHash)
    const system = systemOf(config, input.system)
    const shipper = await ownShipper(agent)
    const deps = {
      config,
      verifier: await agent.verifier(config),
      cache: agent.cache,
      store: (name: string) => agent.store(config, name),
      timeoutSeconds: storeSeconds,
      now: () => agent.now(),
    }
    const now = agent.now().toISOString()
    const { observed, proof, state } = await observeSystem(deps, input.system, {
      shipper: (host, component) =>
        (host === agent.host ? shipper?.instances.find((one) => one.system === input.system && one.component === component) : null) ?? null,
      shipperExpected: (host) => host === agent.host,
      // It runs, so Temporal does.
      schedulerProblem: null,
      isRunning: (_run, endedAt) => secondsBetween(endedAt, now) < copyingSeconds,
    })
    const turns = turnsOf(config, input.system)
    const records = (system.dns ?? []).map(dnsRecordId)
    const failoverTo = system.failover ? otherSite(whole, input.system, agent.site) : null
    const { word, lostNowSeconds, reasons } = judgeSystem(config, observed)
    return {
      configHash: hash,
      word,
      lostNowSeconds,
      reasons: [...reasons, ...(await kitReasons(agent, whole, failoverTo))].slice(0, mostReasons),
      lastProvenAt: proof.lastProven?.at ?? null,
      failoverTo,
      limits: config.limits ?? defaultTimeLimits,
      ...(system.failover?.fence && failoverTo === system.failover.to && { fenced: true as const }),
      ...(records.length > 0 && { dns: records, activeSite: state.site?.site ?? siteOfSystem(whole, input.system) }),
      ...(turns.length > 0 && { contacts: turns }),
    }
  }
}

function ownShipper(agent: Agent): Promise<ShipperStatus | null> {
  return agent.postgresql.shipperRequest(agent.shipperSocket, 'status', undefined).catch(() => null)
}
