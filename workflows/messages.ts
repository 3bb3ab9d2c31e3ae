/**
 * Every message that crosses into a workflow: inputs, Updates and results. Clients, the
 * Temporal UI and schedules all send these shapes; each schema comes with a right example.
 */
import { z } from 'zod'
import type { Message } from './procedure.ts'

const Name = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'must be a name: lower-case letters, digits, - and _')
const Hash = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits')
/** Of a payload's 64 KiB; what is larger agents read from a store. */
export const packedLimit = 48 * 1024
const IsoTime = z.iso.datetime({ offset: true })

/** Whose worker does the control steps of a run that nobody gave a site. */
export const defaultSite = 'primary'

/** The site at which the run works, where its memo names none: people type it into the form of the Temporal UI. */
const At = Name.optional()

/** Who asked, as the client says it; a claim, not a proof. */
const RequestedBy = z.string().min(1).max(128).optional()

export const BackupSystemInput = z.strictObject({
  system: Name,
  components: z.array(Name).min(1).max(50).optional(),
  kind: z.literal('full').optional(),
  at: At,
  /** The applied config to use; the newest when absent. */
  configHash: Hash.optional(),
  requestedBy: RequestedBy,
})
export type BackupSystemInput = z.infer<typeof BackupSystemInput>

export const backupSystemMessage: Message<BackupSystemInput> = {
  schema: BackupSystemInput,
  example: { system: 'shop', kind: 'full' },
}

export const ArchiveWalInput = z.strictObject({
  system: Name,
  components: z.array(Name).min(1).max(50).optional(),
  /** Also makes a named point to recover to. */
  point: z.string().min(1).max(63).optional(),
  at: At,
  configHash: Hash.optional(),
  requestedBy: RequestedBy,
})
export type ArchiveWalInput = z.infer<typeof ArchiveWalInput>

export const archiveWalMessage: Message<ArchiveWalInput> = { schema: ArchiveWalInput, example: { system: 'shop' } }

export const InstallConfigInput = z.strictObject({
  /** Hosts whose agents take it; each is told apart in the result. */
  hosts: z.array(Name).max(500).optional(),
  /** Sites whose workers take it. */
  sites: z.array(Name).max(100).optional(),
  /** The signed documents, packed by `muster apply`; agents look in the stores they know when absent. */
  documents: z
    .string()
    .regex(/^[A-Za-z0-9+/]+={0,2}$/, 'must be what muster apply packed')
    .max(packedLimit)
    .optional(),
  /** Until an agent that does not answer is owed it. */
  waitSeconds: z.number().min(0.1).max(600).optional(),
  requestedBy: RequestedBy,
})
export type InstallConfigInput = z.infer<typeof InstallConfigInput>

export const installConfigMessage: Message<InstallConfigInput> = { schema: InstallConfigInput, example: { hosts: ['db1'] } }

export const MonitorHealthInput = z.strictObject({
  system: Name,
  at: At,
  configHash: Hash.optional(),
  requestedBy: RequestedBy,
})
export type MonitorHealthInput = z.infer<typeof MonitorHealthInput>

export const monitorHealthMessage: Message<MonitorHealthInput> = { schema: MonitorHealthInput, example: { system: 'shop' } }

export const RefreshStandbyInput = z.strictObject({
  system: Name,
  at: At,
  configHash: Hash.optional(),
  requestedBy: RequestedBy,
})
export type RefreshStandbyInput = z.infer<typeof RefreshStandbyInput>

export const refreshStandbyMessage: Message<RefreshStandbyInput> = { schema: RefreshStandbyInput, example: { system: 'shop' } }

export const ProbeSystemInput = z.strictObject({
  system: Name,
  at: At,
  configHash: Hash.optional(),
  requestedBy: RequestedBy,
})
export type ProbeSystemInput = z.infer<typeof ProbeSystemInput>

export const probeSystemMessage: Message<ProbeSystemInput> = { schema: ProbeSystemInput, example: { system: 'shop' } }

export const ArchiveHistoriesInput = z.strictObject({
  at: At,
  configHash: Hash.optional(),
  requestedBy: RequestedBy,
})
export type ArchiveHistoriesInput = z.infer<typeof ArchiveHistoriesInput>

export const archiveHistoriesMessage: Message<ArchiveHistoriesInput> = { schema: ArchiveHistoriesInput, example: { requestedBy: 'alice' } }

const Into = z.strictObject({
  /** An absolute path that does not exist or is empty. */
  directory: z.string().startsWith('/').max(1024),
  /** Port of the restored server on loopback; it is left stopped when absent. */
  port: z.int().min(1).max(65535).optional(),
})

const RestoreCommon = {
  system: Name,
  components: z.array(Name).min(1).max(50).optional(),
  /** Read the backup from this store instead of the fastest. */
  from: Name.optional(),
  /** Restore beside instead of in place; one component at a time. */
  into: Into.optional(),
  /** One path of a tree alone, relative to the component's path. */
  path: z.string().max(4096).optional(),
  /** Go on without these required stores. */
  openWith: z.array(Name).max(20).optional(),
  newerFiles: z.enum(['keep', 'discard']).optional(),
  stopFirst: z.boolean().optional(),
  /** Show the plan and end. */
  planOnly: z.boolean().optional(),
  /** Approve this plan in the same breath, where the config lets the requester; needs its `expiresAt` too. */
  approve: Hash.optional(),
  /** Expiry of the plan, as `planOnly` gave it: a plan with another expiry has another hash. */
  expiresAt: IsoTime.optional(),
  /** A file with an age identity on the target host, for this run only. */
  identityFile: z.string().startsWith('/').max(1024).optional(),
  at: At,
  configHash: Hash.optional(),
  requestedBy: RequestedBy,
}

export const RestoreSystemInput = z.strictObject({
  ...RestoreCommon,
  /** Id of a backup: restore to its end. The newest reachable moment when absent. */
  backup: z.string().max(64).optional(),
  /** Run whose safety set to bring back. */
  back: z.string().max(256).optional(),
})
export type RestoreSystemInput = z.infer<typeof RestoreSystemInput>

export const restoreSystemMessage: Message<RestoreSystemInput> = { schema: RestoreSystemInput, example: { system: 'shop', planOnly: true } }

const AtTime = z.strictObject({ time: IsoTime })

export const RecoverToPointInTimeInput = z.strictObject({
  ...RestoreCommon,
  to: z.union([
    AtTime,
    z.strictObject({ lsn: z.string().regex(/^[0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8}$/, 'must be an LSN such as 16/B374D848') }),
    z.strictObject({ name: z.string().min(1).max(63) }),
  ]),
  /** Needed only for a moment on a branch that was left. */
  incarnation: z.string().max(64).optional(),
})
export type RecoverToPointInTimeInput = z.infer<typeof RecoverToPointInTimeInput>

export const recoverToPointInTimeMessage: Message<RecoverToPointInTimeInput> = {
  schema: RecoverToPointInTimeInput,
  example: { system: 'shop', to: { time: '2026-11-21T02:14:00Z' }, planOnly: true },
}

export const DrillInput = z.strictObject({
  system: Name,
  /** `restore`: the newest moment; `pitr`: a moment within the window; `component`: one component; `failover`: at the other site. */
  kind: z.enum(['restore', 'pitr', 'component', 'failover']).default('restore'),
  components: z.array(Name).min(1).max(50).optional(),
  /** Where it is rehearsed; the host of the first component when absent. */
  host: Name.optional(),
  from: Name.optional(),
  /** A recovery point by chance, however old. */
  random: z.boolean().optional(),
  /** Of kind `pitr`: this moment, instead of one that is chosen. */
  to: AtTime.optional(),
  /** A configured drill whose smoke command is run. */
  drill: Name.optional(),
  /** Of a candidate that answers a breach: keeps an inventory under this name, and lets the scanners look at it. */
  examine: z.strictObject({ breach: z.string().max(300), name: Name, scan: z.boolean() }).optional(),
  /** Show what would be rehearsed, and how long it is expected to take, and end. */
  planOnly: z.boolean().optional(),
  at: At,
  configHash: Hash.optional(),
  requestedBy: RequestedBy,
})
export type DrillInput = z.infer<typeof DrillInput>

export const drillMessage: Message<DrillInput> = { schema: DrillInput, example: { system: 'shop', kind: 'restore' } }

const MoveCommon = {
  system: Name,
  /** Read the backups from this store instead of the fastest. */
  from: Name.optional(),
  /** Go on without these required stores. */
  openWith: z.array(Name).max(20).optional(),
  /** More than maxLoss may be lost. */
  acceptLoss: z.boolean().optional(),
  /** Show the plan and end. */
  planOnly: z.boolean().optional(),
  approve: Hash.optional(),
  /** Expiry of the plan, as `planOnly` gave it: a plan with another expiry has another hash. */
  expiresAt: IsoTime.optional(),
  identityFile: z.string().startsWith('/').max(1024).optional(),
  /** Asks the run that started it for a place before it works: `failoverSite` says so. */
  inTurn: z.literal(true).optional(),
  at: At,
  configHash: Hash.optional(),
  requestedBy: RequestedBy,
}

/** From the site where the system is active to its other site. */
export const MoveInput = z.strictObject({
  ...MoveCommon,
  /** Of a failover: this moment instead of the newest; what is newer is left. */
  to: AtTime.optional(),
  /** Of a failover that answers a breach: whom not to believe, and what a person looks at before the opening. */
  breach: z
    .strictObject({
      run: z.string().max(300),
      since: IsoTime,
      suspects: z.array(Name).min(1).max(100),
      review: z.array(z.string().max(500)).max(200),
    })
    .optional(),
})
export type MoveInput = z.infer<typeof MoveInput>

export const moveMessage: Message<MoveInput> = { schema: MoveInput, example: { system: 'shop', at: 'dr', planOnly: true } }

export const RespondToBreachInput = z.strictObject({
  system: Name,
  /** Since when somebody else may have been there: nothing newer is restored. */
  since: IsoTime,
  /** Hosts that may be ruled by somebody else. */
  hosts: z.array(Name).min(1).max(100),
  /** Show what would be isolated and tried, and end. */
  planOnly: z.boolean().optional(),
  /** Expiry of the plan, as `planOnly` gave it: a plan with another expiry has another hash. */
  expiresAt: IsoTime.optional(),
  at: At,
  configHash: Hash.optional(),
  requestedBy: RequestedBy,
})
export type RespondToBreachInput = z.infer<typeof RespondToBreachInput>

export const respondToBreachMessage: Message<RespondToBreachInput> = {
  schema: RespondToBreachInput,
  example: { system: 'shop', since: '2026-11-21T02:14:00Z', hosts: ['db1'], at: 'dr', planOnly: true },
}

/** The failover of every system that is active at a site, by priority. */
export const FailoverSiteInput = z.strictObject({
  /** The one that is lost. */
  site: Name,
  /** Only these of it. */
  systems: z.array(Name).min(1).max(50).optional(),
  /** Only those that go to this site. */
  to: Name.optional(),
  /** Go on without these required stores. */
  openWith: z.array(Name).max(20).optional(),
  /** More than maxLoss may be lost. */
  acceptLoss: z.boolean().optional(),
  /** Show the plan of each and end. */
  planOnly: z.boolean().optional(),
  /** By system, expiry of its plan as `planOnly` gave it: a plan with another expiry has another hash. */
  expiresAt: z.record(Name, IsoTime).optional(),
  identityFile: z.string().startsWith('/').max(1024).optional(),
  at: At,
  configHash: Hash.optional(),
  requestedBy: RequestedBy,
})
export type FailoverSiteInput = z.infer<typeof FailoverSiteInput>

export const failoverSiteMessage: Message<FailoverSiteInput> = { schema: FailoverSiteInput, example: { site: 'primary', at: 'dr', planOnly: true } }

/** From a system to the failover of its site. */
export const TurnInput = z.strictObject({
  system: Name,
  /** Grows with each message, so that none is taken for an older one. */
  number: z.int().min(1),
  /** `place`: waits for one; `nothing`: waits for a person, or works no more; `now`: works, since it may not wait any more. */
  wants: z.enum(['place', 'nothing', 'now']),
})
export type TurnInput = z.infer<typeof TurnInput>

/** The answer: this message was given a place. */
export const GoOnInput = z.strictObject({ number: z.int().min(1) })
export type GoOnInput = z.infer<typeof GoOnInput>

/** Roll back, if that is still possible. */
export const StopInput = z.strictObject({ reason: z.string().min(1).max(1000) })
export type StopInput = z.infer<typeof StopInput>

/** Between the failover of a site and those of its systems; nobody else sends them. */
export const signalNames = { turn: 'turn', goOn: 'goOn', stop: 'stop' } as const

export const AttestInput = z.strictObject({
  /** Hash of the plan, as it was shown. */
  plan: Hash,
  person: z.string().min(1).max(128),
  /** What was seen that shows that the old side serves nobody. */
  statement: z.string().min(10).max(1000),
  /** Of the person's SSH key, where the system asks for signed approvals: `muster fence RUN --print` makes it. */
  signature: z.string().max(16_384).optional(),
})
export type AttestInput = z.infer<typeof AttestInput>

export const attestMessage: Message<AttestInput> = {
  schema: AttestInput,
  example: { plan: '9c41…(64 hex digits)', person: 'alice', statement: 'I stand before db1: its power is off' },
}

export const ApproveInput = z.strictObject({
  /** Hash of the plan, as it was shown. */
  plan: Hash,
  person: z.string().min(1).max(128),
  decision: z.enum(['approve', 'reject']).default('approve'),
  note: z.string().max(1000).optional(),
  /** One person for all who would be needed: needs a note that says why, and alarms everybody. */
  breakGlass: z.boolean().optional(),
  /** Of the person's SSH key, where the system asks for signed approvals: `muster approve HASH --print` makes it. */
  signature: z.string().max(16_384).optional(),
})
export type ApproveInput = z.infer<typeof ApproveInput>

export const approveMessage: Message<ApproveInput> = {
  schema: ApproveInput,
  example: { plan: '9c41…(64 hex digits)', person: 'alice', decision: 'approve' },
}

export const CorrectInput = z.strictObject({
  /** `retry` the step that paused, `openWith` the named stores missing, `acceptLoss` of what cannot be saved, or `giveUp` (only before the point of no return). */
  action: z.enum(['retry', 'openWith', 'acceptLoss', 'giveUp']),
  stores: z.array(Name).max(20).optional(),
  person: z.string().min(1).max(128),
  reason: z.string().min(1).max(1000),
})
export type CorrectInput = z.infer<typeof CorrectInput>

export const correctMessage: Message<CorrectInput> = {
  schema: CorrectInput,
  example: { action: 'retry', person: 'alice', reason: 'the store answers again' },
}

export const updateNames = { approve: 'approve', correct: 'correct', attest: 'attest' } as const

/** Why a run is paused, for whoever asks; null while it is not. */
export const pausedQueryName = 'paused'

export interface Paused {
  readonly problem: string
  readonly allowed: readonly CorrectInput['action'][]
}

/** Workflow types, as the Temporal UI shows them. */
export const workflowTypes = [
  'backupSystem',
  'archiveWal',
  'restoreSystem',
  'recoverToPointInTime',
  'drill',
  'failover',
  'failback',
  'switchover',
  'failoverSite',
  'installConfig',
  'archiveHistories',
  'monitorHealth',
  'refreshStandby',
  'respondToBreach',
  'probeSystem',
] as const
export type WorkflowType = (typeof workflowTypes)[number]

/** One at a time for an installation: what is applied later ends what is still under way. */
export const installConfigId = 'install-config'

/** Ids: what changes a system in place holds the system; everything else is free. */
export function targetId(system: string): string {
  return `target/${system}`
}

/** One failover of a site at a time, where people start it from the command line. */
export function siteFailoverId(site: string): string {
  return `failover-site/${site}`
}

// What runs answer with, for clients.
export type { FailoverSiteResult, SystemMoved, SystemPlanned } from './site/result.ts'
export type { RestorePlan } from '../activities/host/restore/types.ts'
export type { ArchiveHistoriesResult } from './archive-histories.ts'
export type { ArchiveWalResult } from './archive-wal.ts'
export type { DrillResult } from './drill.ts'
export type { KeptEvidence } from './evidence.ts'
export type { MonitorHealthResult } from './monitor-health.ts'
export type { MoveResult } from './move/run-move.ts'
export type { BackupSystemResult } from './backup-system.ts'
export type { RespondToBreachResult } from './respond-to-breach.ts'
export type { ProbeSystemResult } from './probe-system.ts'
export type { RefreshStandbyResult } from './refresh-standby.ts'
export type { AnswerResult } from './restore/approval.ts'
export type { AskedAgent, InstallConfigResult } from './install-config.ts'
export type { RestoreResult } from './restore/run-restore.ts'
