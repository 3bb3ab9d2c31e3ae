/**
 * The `dns` port: one record that says where a system is. It is changed by compare-and-set only, so that a plan that
 * is no longer true changes nothing, and it is never emptied. Every method may be repeated, and throws MusterError
 *
 * - PreconditionFailed: there is no such record, or it is not one that Muster may change (alias, routed, several
 *   values that nobody declared), or the zone is not there
 * - PlanChanged: what is there is neither what was expected nor what is wanted; nothing was changed
 * - CredentialsRejected: wrong key or secret, a key that may not do this, clocks too far apart
 * - SecretMissing, InvalidInput: of the configuration; nothing was asked
 * - Throttled, Unreachable (no answer, or SERVFAIL), Timeout (of what was accepted but does not become true)
 * - CommandFailed, Cancelled
 */
import type { DnsRecordConfig } from '../../domain/config.ts'
import type { RecordSet, WantedChange } from '../../domain/dns.ts'
import type { ServerObservation } from '../../domain/dns-observation.ts'
import type { FailureType } from '../../domain/failures.ts'

export interface Dns {
  readonly provider: DnsRecordConfig['provider']

  /** The record as the provider has it now. */
  read(signal?: AbortSignal): Promise<RecordSet>

  /** Replaces `expected` by `wanted` in one step, or does nothing because the record already is as wanted. */
  change(request: ChangeRequest, signal?: AbortSignal): Promise<DnsChange>

  /**
   * Returns when the provider says that the change is at all of its servers, as far as it says so at all.
   * @throws MusterError Timeout when it does not say so in time: the change is made, and may still arrive
   */
  awaitSettled(change: DnsChange, signal?: AbortSignal): Promise<void>

  /**
   * One look at every authoritative server of the zone, asked directly and not through a resolver that remembers.
   * A server that gives no answer is part of the result, with its reason; `judgeObservations` says what it all means.
   * @throws MusterError Unreachable when not even the names of the servers can be found
   */
  observe(wanted: RecordSet, signal?: AbortSignal): Promise<readonly ServerObservation[]>

  /**
   * Servers that the zone names and that `observe` does not ask, since the configuration lists others.
   * @throws MusterError Unreachable when no configured server answers
   */
  unlisted(signal?: AbortSignal): Promise<readonly string[]>

  /** Tries as much of a change as can be tried without changing anything; throws only Cancelled. */
  dryRun(signal?: AbortSignal): Promise<DnsReadiness>
}

/** What a provider is told besides the record. */
export interface DnsWork {
  /** Servers there are used last, and not tried in a dry run where others are left. */
  readonly lostSite?: string
  /** Put on every program that is started, so that a later attempt finds and ends it. */
  readonly label?: string
  /** How long a busy or silent provider is asked again within one call; its own default where absent. */
  readonly retrySeconds?: number
}

export interface ChangeRequest extends WantedChange {
  /** Called right before each attempt to change, after everything was read; what it throws stops the change. */
  readonly beforeChange?: () => Promise<void>
}

export interface DnsChange {
  /** `by hand`: a person has to do what `detail` says. */
  readonly outcome: 'changed' | 'already' | 'by hand'
  /** What the provider calls the change, to ask whether it is settled; null where it has no such thing. */
  readonly id: string | null
  /** For a person: what was done and where, or what is to be done. */
  readonly detail: string
}

export interface DnsReadiness {
  /** Null where it could not be read. */
  readonly present: RecordSet | null
  /** What was seen to work, one sentence each. */
  readonly proven: readonly string[]
  /** What would stop a change. Ready when empty. */
  readonly problems: readonly DnsProblem[]
  /** What cannot be tried without changing something. */
  readonly untried: readonly string[]
}

export interface DnsProblem {
  readonly type: FailureType
  readonly message: string
  readonly hint: string
}
