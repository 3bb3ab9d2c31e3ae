/**
 * The audit object of one run: who, what, from which copies, how long, what was lost, what was checked, and what was
 * not as it should be. docs/repository-format.md has each member.
 */
import type { AuditHead } from './audit.ts'
import type { ObjectivesConfig, Priority } from './config.ts'
import type { RecoveryTarget } from './decision.ts'
import type { FenceProof, MoveProcedure } from './move.ts'
import type { Writer } from './repository-format.ts'
import type { RunRan } from './run-history.ts'
import type { LeftOut } from './site-failover.ts'

export interface Evidence extends RunEvidence {
  readonly organisation: string
  /** From the history of the run; null where Temporal did not give it. */
  readonly ran: RunRan | null
  readonly writer: Writer
  /** The decision itself: the object whose hash is `plan`. Absent where there was no plan, no store took it, or in older records. */
  readonly decision?: { readonly key: string; readonly sizeBytes: number }
  /** Newest audit record that the writer knew; null where there was none. Absent in records of before there were any. */
  readonly auditHead?: AuditHead | null
}

/** What the run itself knows; who writes it down adds the rest. */
export interface RunEvidence {
  readonly format: 'muster-evidence-1'
  /** `_installation` where the run concerns several. */
  readonly system: string
  readonly procedure: EvidencedProcedure
  readonly kind: string | null
  readonly run: { readonly workflowId: string; readonly runId: string }
  readonly requestedBy: string
  readonly approvals: readonly EvidenceApproval[]
  /** Why a person has to review the run; null where nobody has to. */
  readonly reviewDue: string | null
  /** Empty where the run ended before it knew one. */
  readonly configHash: string
  /** Hash of the decision that was carried out; null where none could be made. */
  readonly plan: string | null
  readonly outcome: EvidenceOutcome
  readonly host: string
  /** Of a drill. Absent in records of before it was written down. */
  readonly asked?: DrillAsked
  readonly target: RecoveryTarget | null
  readonly targets: readonly EvidenceTarget[]
  readonly times: EvidenceTimes
  readonly objectives: ObjectivesConfig
  readonly measured: { readonly rtoSeconds: number | null; readonly rpoSeconds: number | null }
  /** Of a recovery that had a plan. Absent in records of before there was one. */
  readonly expected?: EvidenceExpected
  readonly recovered: readonly RecoveredComponent[]
  readonly made: readonly MadeBackup[]
  readonly wal: readonly EvidenceWal[]
  /** Only of a move. */
  readonly move: EvidenceMove | null
  /** Only of the failover of a site. */
  readonly lostSite?: EvidenceLostSite
  readonly setAside: readonly { readonly path: string; readonly safetyPath: string; readonly sizeBytes: number }[]
  readonly steps: readonly EvidenceStep[]
  readonly checks: readonly EvidenceCheck[]
  /** What was not as it should be; empty for a run without a remark. */
  readonly deviations: readonly string[]
  readonly delivered: readonly DeliveredNotice[]
  readonly undelivered: readonly { readonly channel: string; readonly problem: string }[]
}

export interface DeliveredNotice {
  readonly event: string
  readonly channels: readonly string[]
  /** When it was sent; absent in older records, as are contacts. */
  readonly at?: string
  /** Roles of the contacts that it reached. */
  readonly contacts?: readonly string[]
}

export type EvidencedProcedure =
  | 'backupSystem'
  | 'archiveWal'
  | 'restoreSystem'
  | 'recoverToPointInTime'
  | 'drill'
  | 'respondToBreach'
  | 'failoverSite'
  | MoveProcedure

/** Those that people approve, and whose glass can be broken. */
export const approvedProcedures: readonly EvidencedProcedure[] = [
  'restoreSystem',
  'recoverToPointInTime',
  'failover',
  'switchover',
  'failback',
  'respondToBreach',
]

export type EvidenceOutcome = 'succeeded' | 'degraded' | 'failed' | 'rolled-back' | 'refused' | 'cancelled'

export type DrillKind = 'restore' | 'pitr' | 'component' | 'failover'

/** What a drill was asked for; null for what was left to it. */
export interface DrillAsked {
  readonly components: readonly string[] | null
  readonly from: string | null
  readonly random: boolean
  /** The moment that was named. */
  readonly to: string | null
  /** The configured drill whose smoke command was to run. */
  readonly drill: string | null
  /** A candidate that answers a breach. */
  readonly examined: boolean
}

export interface EvidenceApproval {
  readonly person: string
  readonly accept: 'claimed' | 'signed'
  /** Fingerprint of the key that signed. */
  readonly key: string | null
  readonly note: string | null
  readonly breakGlass: boolean
}

/** What a run was to change or read, as it was found when it was planned. */
export interface EvidenceTarget {
  readonly component: string
  readonly host: string
  readonly paths: readonly string[]
  readonly identity: { readonly systemIdentifier: string; readonly incarnation: string } | null
}

export interface EvidenceTimes {
  readonly declaredAt: string
  readonly approvedAt: string | null
  readonly dataReadyAt: string | null
  readonly serviceVerifiedAt: string | null
  readonly dnsObservedAt: string | null
  readonly endedAt: string
}

export interface RecoveredComponent {
  readonly component: string
  readonly backup: string
  /** Null where it is not known: who writes the evidence looks it up, where the store still answers. */
  readonly manifestSha256: string | null
  readonly fromStore: string
  readonly incarnation: string | null
  /** Newest moment in the restored data; null where it holds no commit since its base. */
  readonly at: string | null
  /** Absent where nothing was restored (a safety set), and in older records. */
  readonly took?: ComponentTook
}

export interface BytesInTime {
  readonly bytes: number
  readonly seconds: number
}

/** Later forecasts go by it. WAL is counted in LSNs; what an attempt did not do from its beginning is left out. */
export interface ComponentTook {
  /** Unpacked bytes: fetched, decrypted, unpacked and compared. */
  readonly restored: BytesInTime
  readonly walFetched?: BytesInTime
  /** From the start of the server to the moment at which it holds. */
  readonly walReplayed?: BytesInTime
}

/** From the first step until the system is open to users, without what people were waited for. */
export interface EvidenceExpected {
  /** As the plan said; null where it could not tell. */
  readonly seconds: number | null
  /** From what that was forecast. */
  readonly basis: string
  /** As it was; null where the run did not come that far. */
  readonly measuredSeconds: number | null
}

export interface MadeBackup {
  readonly component: string
  readonly backup: string | null
  readonly outcome: EvidenceOutcome
  readonly sizeBytes: number
  readonly stores: readonly { readonly store: string; readonly manifestSha256: string }[]
  /** Stores that are owed their copy. */
  readonly owed: readonly { readonly store: string; readonly problem: string }[]
}

export interface EvidenceMove {
  readonly from: string
  readonly to: string
  /** What shows that the old side serves nobody; null where the run did not come that far. */
  readonly fence: FenceProof | null
  /** What was seen of each DNS record. */
  readonly dns: readonly string[]
}

export interface EvidenceLostSite {
  readonly site: string
  /** In the order in which they went. */
  readonly systems: readonly EvidenceOfSystem[]
  readonly leftOut: readonly LeftOut[]
}

/** One system of a lost site; what was done with it is in the evidence of its own run. */
export interface EvidenceOfSystem {
  readonly system: string
  readonly priority: Priority
  readonly to: string
  readonly outcome: EvidenceOutcome
  readonly workflowId: string
  /** Null where it was not started. */
  readonly runId: string | null
  /** Hash of its decision; null where the run did not come back with one. */
  readonly plan: string | null
  /** From when the failover of the site was asked for. */
  readonly rtoSeconds: number | null
  readonly rtoObjectiveSeconds: number | null
  readonly lossSeconds: number | null
  readonly problem: string | null
  /** Its own record; null where the run gave up: that record is named after the run. */
  readonly evidence: { readonly key: string; readonly sha256: string } | null
}

export interface EvidenceWal {
  readonly component: string
  readonly incarnation: string | null
  /** Everything before it is in the required stores. */
  readonly requiredLsn: string | null
  readonly lastCommitAt: string | null
  readonly gaps: readonly string[]
}

export interface EvidenceStep {
  readonly name: string
  readonly startedAt: string
  readonly seconds: number
  /** Of these, for a person's correction. */
  readonly waitedSeconds?: number
  readonly failed?: true
}

export interface EvidenceCheck {
  readonly name: string
  readonly ok: boolean
  readonly detail: string
  /** The same check when the backup was made; null where it was not run then. */
  readonly atBackup: string | null
}

type Known = 'system' | 'procedure' | 'run' | 'requestedBy' | 'outcome' | 'times'

/** Evidence with nothing in it but what every run has; the rest is filled in by what the run did. */
export function evidenceWith(known: Pick<RunEvidence, Known> & Partial<RunEvidence>): RunEvidence {
  return {
    format: 'muster-evidence-1',
    kind: null,
    approvals: [],
    reviewDue: null,
    configHash: '',
    plan: null,
    host: '',
    target: null,
    targets: [],
    objectives: {},
    measured: { rtoSeconds: null, rpoSeconds: null },
    recovered: [],
    made: [],
    wal: [],
    move: null,
    setAside: [],
    steps: [],
    checks: [],
    deviations: [],
    delivered: [],
    undelivered: [],
    ...known,
  }
}

/** What the figures say against the objectives, for a person; empty where they are met. */
export function missedObjectives(objectives: ObjectivesConfig, measured: Evidence['measured']): readonly string[] {
  const over = (what: string, found: number | null, most: number | undefined) =>
    found !== null && most !== undefined && found > most ? [`${what} was ${found.toFixed(1)} s, the objective is ${most} s`] : []
  return [...over('recovery time', measured.rtoSeconds, objectives.rtoSeconds), ...over('loss', measured.rpoSeconds, objectives.rpoSeconds)]
}
