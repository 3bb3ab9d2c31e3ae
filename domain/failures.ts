/**
 * Every way a procedure can fail: whether a retry can help, the exit code of the
 * command line, and what a person does next. The keys are the only values that
 * `ApplicationFailure.type` may have.
 */
export interface FailureRule {
  /** Whether the same call may succeed later without anyone changing anything. */
  readonly retry: boolean
  readonly exitCode: number
  /** What a person does next; lower case, no full stop. */
  readonly hint: string
}

const table = {
  // 2–9: what was asked is wrong; nothing was done
  InvalidInput: { retry: false, exitCode: 2, hint: 'correct the named field and start again' },
  ConfigInvalid: { retry: false, exitCode: 3, hint: 'correct muster.yaml at the named line, then run: muster apply' },
  NotSupported: { retry: false, exitCode: 4, hint: 'leave the key out: this version does not have it' },
  UnknownName: { retry: false, exitCode: 5, hint: 'the message names what there is' },
  SecretMissing: { retry: false, exitCode: 6, hint: 'set the named variable or file where the agent runs' },
  // 10–19: keys, signatures, identities
  CredentialsRejected: { retry: false, exitCode: 10, hint: 'give the agent working credentials, then run: muster doctor' },
  IdentityMissing: { retry: false, exitCode: 11, hint: 'put an age identity of one of the recipients where the config says, or lend one: --identity FILE' },
  SignatureInvalid: {
    retry: false,
    exitCode: 12,
    hint: 'the object was changed after it was signed: use another store, and find out who can write to this one',
  },
  KeyNotTrusted: { retry: false, exitCode: 13, hint: 'compare the root fingerprint with the one you hold, then run: muster doctor' },
  // 20–29: integrity
  ChecksumMismatch: { retry: false, exitCode: 20, hint: 'use the copy in another store: --from STORE' },
  ObjectMissing: { retry: false, exitCode: 21, hint: 'use the copy in another store: --from STORE' },
  ManifestInvalid: { retry: false, exitCode: 22, hint: 'use the copy in another store: --from STORE' },
  WalGap: { retry: false, exitCode: 23, hint: 'choose a target inside a recoverable window: muster list SYSTEM' },
  RecordConflict: { retry: true, exitCode: 24, hint: 'another process wrote first; run the command again' },
  HostileArchive: { retry: false, exitCode: 25, hint: 'do not restore this backup; keep it for examination and use an older one' },
  PageChecksum: { retry: false, exitCode: 26, hint: 'the database has damaged pages: keep every existing backup and recover the named file' },
  // 30–39: the target of a recovery
  BackupNotFound: { retry: false, exitCode: 30, hint: 'run muster list SYSTEM to see the backups there are' },
  RecoveryTargetUnreachable: { retry: false, exitCode: 31, hint: 'choose a target inside a recoverable window: muster list SYSTEM' },
  TargetRunning: { retry: false, exitCode: 32, hint: 'stop what uses the target, or choose another directory: --into DIR' },
  TargetNotEmpty: { retry: false, exitCode: 33, hint: 'choose an empty directory: --into DIR' },
  WrongTarget: { retry: false, exitCode: 34, hint: 'the target is not what the plan was made for; make a new plan' },
  LockHeld: { retry: false, exitCode: 35, hint: 'wait for the named run, or cancel it: muster cancel RUN' },
  EpochSuperseded: { retry: false, exitCode: 36, hint: 'a newer attempt has taken over; nothing was changed by this one' },
  NotActiveSite: { retry: false, exitCode: 37, hint: 'run this at the site that is active for the system' },
  RestoreFailed: { retry: false, exitCode: 38, hint: 'the message says what was rolled back; look at the run: muster watch RUN' },
  // 40–49: approval and bounds
  ApprovalRejected: { retry: false, exitCode: 40, hint: 'approve the hash that the plan shows: muster approve HASH' },
  ApprovalExpired: { retry: false, exitCode: 41, hint: 'start again and approve the new plan in time' },
  PlanChanged: { retry: false, exitCode: 42, hint: 'the world changed since the plan was approved; make a new plan' },
  OutOfBounds: { retry: false, exitCode: 43, hint: 'the forecast left the bounds of the approved plan; make a new plan' },
  // 50–59: protection
  CopiesMissing: { retry: false, exitCode: 50, hint: 'mend the named store, then back up again' },
  NotProtected: { retry: false, exitCode: 51, hint: 'mend the named store, or go on with: --open-with STORE' },
  CheckFailed: { retry: false, exitCode: 52, hint: 'the restored data did not pass a check; choose an earlier target' },
  ServiceUnhealthy: { retry: false, exitCode: 53, hint: 'look at the log of the named service' },
  PreconditionFailed: { retry: false, exitCode: 54, hint: 'the message says what must hold first' },
  ToolTooOld: { retry: false, exitCode: 55, hint: 'install client programs at least as new as the server' },
  NothingToDo: { retry: false, exitCode: 56, hint: 'the source is empty; if that is normal, say so in the config' },
  SourceUnreadable: { retry: false, exitCode: 57, hint: 'give the agent the right to read the named path, or leave the path out' },
  NotEnoughSpace: { retry: false, exitCode: 58, hint: 'free the named amount, or choose another place: --into DIR' },
  // 60–69: it may clear by itself
  DiskFull: { retry: true, exitCode: 60, hint: 'free the named amount on the named disk' },
  Unreachable: { retry: true, exitCode: 61, hint: 'look whether the named address answers from that host' },
  Throttled: { retry: true, exitCode: 62, hint: 'wait, or lower the rate' },
  Timeout: { retry: true, exitCode: 63, hint: 'look what the named step waited for' },
  CommandFailed: { retry: true, exitCode: 64, hint: 'the last lines of its output say why' },
  StoreReadOnly: { retry: false, exitCode: 65, hint: 'make the store writable for the agent' },
  StoreNotMounted: { retry: false, exitCode: 66, hint: 'mount the store; nothing is written into the empty mount point' },
  NotReadyYet: { retry: true, exitCode: 67, hint: 'wait' },
  AgentAbsent: { retry: false, exitCode: 68, hint: 'start the agent of the named host: muster worker' },
  DatabaseDown: { retry: true, exitCode: 69, hint: 'start PostgreSQL, or restore it: muster restore SYSTEM' },
  // 70–: ours
  Cancelled: { retry: false, exitCode: 70, hint: 'the run was cancelled and has cleaned up' },
  MusterBug: { retry: false, exitCode: 71, hint: 'this is a defect of Muster; report it with: --debug' },
  TemporalUnreachable: { retry: true, exitCode: 72, hint: 'start it: muster up, or correct TEMPORAL_ADDRESS' },
  SourceChanged: { retry: true, exitCode: 73, hint: 'files changed while they were read; run the backup again' },
  HeldBack: { retry: false, exitCode: 74, hint: 'Temporal was lost or rolled back; look, and decide: muster apply --adopt' },
} as const satisfies Record<string, FailureRule>

export type FailureType = keyof typeof table

export const failures: Readonly<Record<FailureType, FailureRule>> = table

export function isFailureType(name: string): name is FailureType {
  return Object.hasOwn(table, name)
}

export const nonRetryableFailureTypes: readonly FailureType[] = (Object.keys(table) as FailureType[]).filter((type) => !failures[type].retry)

/**
 * A failure that every room may throw. `message` says what happened and to what,
 * lower case, no full stop, no secret; `hint` overrides the table's.
 */
export class MusterError extends Error {
  override readonly name = 'MusterError'
  readonly type: FailureType
  readonly hint: string

  constructor(type: FailureType, message: string, options: { cause?: unknown; hint?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.type = type
    this.hint = options.hint ?? failures[type].hint
  }
}
