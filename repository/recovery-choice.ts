/**
 * Chooses, for one database and one store, the base backup and the WAL that lead to a target, or
 * says what is reachable instead. Reads listings and the few indexes it needs; changes nothing.
 */
import type { Store } from '../adapters/store/store.ts'
import type { ControlState } from '../domain/control-state.ts'
import { currentIncarnation, lineage } from '../domain/control-state.ts'
import type { RecoveryTarget } from '../domain/decision.ts'
import { MusterError } from '../domain/failures.ts'
import type { WalShipmentName } from '../domain/object-keys.ts'
import { type BaseFacts, incarnationAt, pathsTo, type RecoveryPath, type Shipments } from '../domain/recovery-path.ts'
import type { Incarnation, PostgresqlManifest } from '../domain/repository-format.ts'
import { isBefore, toMicros } from '../domain/times.ts'
import { formatLsn, type Lsn, parseLsn } from '../domain/wal.ts'
import { alongPath, firstAfter, type LastCommit, lastCommit, type PlacedShipment, type ReadIndex } from './wal-times.ts'

export interface Repository {
  readonly store: Store
  readonly manifests: readonly PostgresqlManifest[]
  readonly shipments: Shipments<WalShipmentName>
  readonly read: ReadIndex
  /** Where hosts are under suspicion: what counts of it for a moment before the last of those that they are suspected since. */
  readonly believed?: { readonly before: string; readonly shipments: Shipments<WalShipmentName> }
}

export interface RecoveryChoice {
  readonly manifest: PostgresqlManifest
  readonly path: RecoveryPath
  readonly incarnation: Incarnation
  /** WAL has to be fetched up to here; what lies after it is not needed. */
  readonly fetchUntilLsn: Lsn
  /** Newest commit in reach on this path; the base's end where no WAL holds one. */
  readonly newestAt: string
  /** Where that commit is; null where no WAL holds one, or the target says itself how far it goes. */
  readonly newestLsn: string | null
  /** What PostgreSQL is told. */
  readonly target: RecoveryTarget
  readonly why: string
}

export function baseFacts(manifest: PostgresqlManifest): BaseFacts {
  const { incarnation, startLsn, endLsn } = manifest.postgresql
  return { backup: manifest.backup, incarnation, startLsn, endLsn, endedAt: manifest.endedAt }
}

/** @throws MusterError RecoveryTargetUnreachable | BackupNotFound, saying what is reachable in this store */
export async function chooseRecovery(
  repository: Repository,
  state: ControlState,
  component: string,
  target: RecoveryTarget,
  asked: { readonly incarnation: string | null; readonly pinnedBackup: string | null },
): Promise<RecoveryChoice> {
  const { believed } = repository
  if (target.kind === 'time' && believed && isBefore(target.time, believed.before)) {
    const { believed: _, ...rest } = repository
    return chooseAmong({ ...rest, shipments: believed.shipments }, state, component, target, asked, true)
  }
  return chooseAmong(repository, state, component, target, asked, false)
}

async function chooseAmong(
  repository: Repository,
  state: ControlState,
  component: string,
  target: RecoveryTarget,
  asked: { readonly incarnation: string | null; readonly pinnedBackup: string | null },
  isCut: boolean,
): Promise<RecoveryChoice> {
  const tip = incarnationFor(state, component, target, asked.incarnation)
  const manifests = repository.manifests.filter((one) => asked.pinnedBackup === null || one.backup === asked.pinnedBackup)
  const paths = pathsTo(tip.incarnation, manifests.map(baseFacts), state.incarnations, repository.shipments)
  if (paths.length === 0) throw unreachable(repository, `no base backup leads to incarnation ${tip.incarnation}`, null)
  if (target.kind === 'backup') return toEndOf(repository, paths, tip, target)
  if (target.kind === 'latest') return toLatest(repository, paths, tip)
  if (target.kind === 'time') return toTime(repository, paths, tip, target, isCut)
  return toLsn(repository, paths, tip, target, lsnOf(state, component, target))
}

function incarnationFor(state: ControlState, component: string, target: RecoveryTarget, asked: string | null): Incarnation {
  const known = state.incarnations.filter((one) => one.component === component)
  if (asked !== null) {
    const found = known.find((one) => one.incarnation === asked)
    if (!found) throw new MusterError('UnknownName', `"${component}" has no incarnation "${asked}"; it has: ${known.map((one) => one.incarnation).join(', ')}`)
    return found
  }
  const current = currentIncarnation(state, component)
  if (!current) throw new MusterError('BackupNotFound', `nothing of "${component}" was ever backed up`, { hint: 'run: muster backup SYSTEM' })
  if (target.kind === 'name') {
    const point = state.restorePoints.find((one) => one.component === component && one.name === target.name)
    return known.find((one) => one.incarnation === point?.incarnation) ?? current
  }
  if (target.kind !== 'time') return current
  const at = incarnationAt(state.incarnations, current.incarnation, target.time)
  if (at.kind === 'in-service') return at.incarnation
  throw new MusterError(
    'RecoveryTargetUnreachable',
    `${target.time} lies on the branch that was left when incarnation ${at.by.incarnation} went into service (${at.by.registeredAt}, forked at ${at.by.forkAt})`,
    { hint: `name the branch if you mean it: --incarnation ${at.branch.incarnation}` },
  )
}

function manifestOf(repository: Repository, path: RecoveryPath): PostgresqlManifest {
  return repository.manifests.find((one) => one.backup === path.base.backup) as PostgresqlManifest
}

function toEndOf(repository: Repository, paths: readonly RecoveryPath[], tip: Incarnation, target: { kind: 'backup'; backup: string }): RecoveryChoice {
  const path = paths.find(({ base }) => base.backup === target.backup)
  if (!path) throw new MusterError('BackupNotFound', `backup "${target.backup}" is not in store "${repository.store.name}" on the lineage in service`)
  const { base } = path
  return {
    manifest: manifestOf(repository, path),
    path,
    incarnation: tip,
    fetchUntilLsn: parseLsn(base.endLsn),
    newestAt: base.endedAt,
    newestLsn: null,
    target: { kind: 'lsn', lsn: base.endLsn },
    why: `the end of backup ${base.backup}`,
  }
}

async function toLatest(repository: Repository, paths: readonly RecoveryPath[], tip: Incarnation): Promise<RecoveryChoice> {
  const furthest = paths.reduce((best, path) => (path.untilLsn > best.untilLsn ? path : best))
  const newest = await lastCommit(placed(repository, furthest), repository.read)
  return {
    manifest: manifestOf(repository, furthest),
    path: furthest,
    incarnation: tip,
    fetchUntilLsn: furthest.untilLsn,
    newestAt: newest?.at ?? furthest.base.endedAt,
    newestLsn: newest?.lsn ?? null,
    target: { kind: 'latest' },
    why: `newest base backup from which WAL is unbroken to ${formatLsn(furthest.untilLsn)}`,
  }
}

async function toTime(
  repository: Repository,
  paths: readonly RecoveryPath[],
  tip: Incarnation,
  target: { kind: 'time'; time: string },
  isCut: boolean,
): Promise<RecoveryChoice> {
  let newestAt: string | null = null
  for (const path of paths) {
    if (isBefore(target.time, path.base.endedAt)) continue
    const shipments = placed(repository, path)
    const newest = await lastCommit(shipments, repository.read)
    if (newest && (newestAt === null || isBefore(newestAt, newest.at))) newestAt = newest.at
    if (!newest || isBefore(newest.at, target.time)) {
      if (isCut) return toEndOfBelieved(repository, path, tip, newest)
      continue
    }
    const why = `newest base backup that ended at or before ${target.time} and from which WAL is unbroken beyond it`
    const common = { manifest: manifestOf(repository, path), path, incarnation: tip, newestAt: newest.at, newestLsn: null, why }
    // The very last commit there is: PostgreSQL stops at a time only when it sees a later commit, so its LSN is the target.
    if (toMicros(newest.at) === toMicros(target.time)) return { ...common, fetchUntilLsn: path.untilLsn, target: { kind: 'lsn', lsn: newest.lsn } }
    const after = await firstAfter(shipments, target.time, repository.read)
    return { ...common, fetchUntilLsn: after?.name.endLsn ?? path.untilLsn, target }
  }
  const oldest = paths.at(-1)?.base.endedAt ?? null
  if (oldest !== null && isBefore(target.time, oldest)) {
    throw unreachable(repository, `${target.time} is too early: the oldest moment is ${oldest}`, newestAt)
  }
  if (newestAt === null)
    throw unreachable(repository, `${target.time} is not in a recoverable window: no commit after ${paths[0]?.base.endedAt} is in the store`, null)
  throw unreachable(repository, `${target.time} cannot be reached: WAL is unbroken only to the commit of ${newestAt}`, newestAt)
}

/** What was committed later was shipped by a host under suspicion: the moment is reached as far as something else tells of it. */
function toEndOfBelieved(repository: Repository, path: RecoveryPath, tip: Incarnation, newest: LastCommit | null): RecoveryChoice {
  const { base } = path
  return {
    manifest: manifestOf(repository, path),
    path,
    incarnation: tip,
    fetchUntilLsn: newest ? path.untilLsn : parseLsn(base.endLsn),
    newestAt: newest?.at ?? base.endedAt,
    newestLsn: newest?.lsn ?? null,
    target: newest ? { kind: 'lsn', lsn: newest.lsn, inclusive: true } : { kind: 'lsn', lsn: base.endLsn },
    why: `the last commit that was in the store before the hosts were under suspicion, from backup ${base.backup}`,
  }
}

function toLsn(repository: Repository, paths: readonly RecoveryPath[], tip: Incarnation, target: RecoveryTarget, lsn: Lsn): RecoveryChoice {
  const path = paths.find(({ base, untilLsn }) => parseLsn(base.endLsn) <= lsn && lsn < untilLsn)
  if (!path) {
    const reach = paths.map(({ base, untilLsn }) => `${base.endLsn} to ${formatLsn(untilLsn)}`).join(', ')
    throw unreachable(repository, `LSN ${formatLsn(lsn)} is in no recoverable window; reachable: ${reach}`, null)
  }
  return {
    manifest: manifestOf(repository, path),
    path,
    incarnation: tip,
    // A little more than the LSN itself, so that the record that begins there is whole.
    fetchUntilLsn: path.untilLsn,
    newestAt: path.base.endedAt,
    newestLsn: null,
    target,
    why: `newest base backup that ends at or before ${formatLsn(lsn)}`,
  }
}

function lsnOf(state: ControlState, component: string, target: RecoveryTarget): Lsn {
  if (target.kind === 'lsn') return parseLsn(target.lsn)
  const name = target.kind === 'name' ? target.name : ''
  const point = state.restorePoints.find((one) => one.component === component && one.name === name)
  if (point) return parseLsn(point.lsn)
  const known = state.restorePoints.filter((one) => one.component === component).map((one) => one.name)
  throw new MusterError('RecoveryTargetUnreachable', `there is no named point "${name}"; there are: ${known.join(', ') || 'none'}`, {
    hint: 'for a point that Muster did not make, give its LSN: --to-lsn LSN',
  })
}

/** The shipments of a path in replay order, parents up to their forks. */
export function placed(repository: Pick<Repository, 'shipments'>, path: RecoveryPath): readonly PlacedShipment[] {
  return path.incarnations.flatMap(({ incarnation }, index) => {
    const from = index === 0 ? parseLsn(path.base.endLsn) : parseLsn(path.incarnations[index]?.forkLsn as string)
    const fork = path.incarnations[index + 1]?.forkLsn
    const until = fork ? parseLsn(fork) : path.untilLsn
    return alongPath(incarnation, repository.shipments.get(incarnation) ?? [], from, until)
  })
}

/** All incarnations whose WAL a path to `tip` can need. */
export function incarnationsNeeded(state: ControlState, component: string): readonly Incarnation[] {
  const current = currentIncarnation(state, component)
  const others = state.incarnations.filter((one) => one.component === component)
  return current ? [...new Set([...lineage(state.incarnations, current.incarnation), ...others])] : others
}

function unreachable(repository: Repository, what: string, newestAt: string | null): MusterError {
  return new MusterError('RecoveryTargetUnreachable', `${what} [${repository.store.name}]`, {
    hint:
      newestAt === null
        ? 'see the windows there are: muster list SYSTEM'
        : `the newest reachable moment is ${newestAt}; or use the newest of all: muster restore SYSTEM`,
  })
}
