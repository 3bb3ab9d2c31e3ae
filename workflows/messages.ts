/**
 * Every message that crosses into a workflow: inputs, Updates and results. Clients, the
 * Temporal UI and schedules all send these shapes; each schema comes with a right example.
 */
import { z } from 'zod'
import type { Message } from './procedure.ts'

const Name = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'must be a name: lower-case letters, digits, - and _')
const Hash = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits')
const IsoTime = z.iso.datetime({ offset: true })

/** Who asked, as the client says it; a claim, not a proof. */
const RequestedBy = z.string().min(1).max(128).optional()

export const BackupSystemInput = z.strictObject({
  system: Name,
  components: z.array(Name).min(1).max(50).optional(),
  kind: z.literal('full').optional(),
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
  configHash: Hash.optional(),
  requestedBy: RequestedBy,
})
export type ArchiveWalInput = z.infer<typeof ArchiveWalInput>

export const archiveWalMessage: Message<ArchiveWalInput> = { schema: ArchiveWalInput, example: { system: 'shop' } }

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

export const RecoverToPointInTimeInput = z.strictObject({
  ...RestoreCommon,
  to: z.union([
    z.strictObject({ time: IsoTime }),
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

export const ApproveInput = z.strictObject({
  /** Hash of the plan, as it was shown. */
  plan: Hash,
  person: z.string().min(1).max(128),
  decision: z.enum(['approve', 'reject']).default('approve'),
  note: z.string().max(1000).optional(),
})
export type ApproveInput = z.infer<typeof ApproveInput>

export const approveMessage: Message<ApproveInput> = {
  schema: ApproveInput,
  example: { plan: '9c41…(64 hex digits)', person: 'alice', decision: 'approve' },
}

export const CorrectInput = z.strictObject({
  /** `retry` the step that paused, `openWith` the named stores missing, or `giveUp` (only before the point of no return). */
  action: z.enum(['retry', 'openWith', 'giveUp']),
  stores: z.array(Name).max(20).optional(),
  person: z.string().min(1).max(128),
  reason: z.string().min(1).max(1000),
})
export type CorrectInput = z.infer<typeof CorrectInput>

export const correctMessage: Message<CorrectInput> = {
  schema: CorrectInput,
  example: { action: 'retry', person: 'alice', reason: 'the store answers again' },
}

export const updateNames = { approve: 'approve', correct: 'correct' } as const

/** Workflow types, as the Temporal UI shows them. */
export const workflowTypes = ['backupSystem', 'archiveWal', 'restoreSystem', 'recoverToPointInTime'] as const
export type WorkflowType = (typeof workflowTypes)[number]

/** Ids: what changes a system in place holds the system; everything else is free. */
export function targetId(system: string): string {
  return `target/${system}`
}

// What runs answer with, for clients.
export type { RestorePlan } from '../activities/host/restore/types.ts'
export type { ArchiveWalResult } from './archive-wal.ts'
export type { BackupSystemResult } from './backup-system.ts'
export type { RestoreResult } from './restore/run-restore.ts'
