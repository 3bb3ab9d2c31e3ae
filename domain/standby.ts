/**
 * A standby: a copy of a database that is kept at the other site, in quarantine, and replays what the stores hold. A failover
 * takes it over instead of restoring a backup, as long as it lies on the way to the newest moment.
 */
import type { PostgresqlDecision } from './decision.ts'
import { formatLsn, isLsn, parseLsn } from './wal.ts'

export interface Standby {
  readonly format: 'muster-standby-1'
  /** `seeding`: its backup is being restored. `adopted`: a run has taken it. `damaged`: a page of it is not as it was written. */
  readonly state: 'seeding' | 'ready' | 'adopted' | 'damaged'
  /** Names it and the directories it has outside its data directory. */
  readonly seed: string
  readonly fromStore: string
  readonly backup: string
  /** The life that was replayed last. */
  readonly incarnation: string
  readonly tablespaces: PostgresqlDecision['tablespaces']
  readonly youngTablespaces: NonNullable<PostgresqlDecision['youngTablespaces']>
  readonly walInto: string | null
  readonly seededAt: string
  /** First byte after the last record that was replayed; null until it was first. */
  readonly replayedLsn: string | null
  readonly lastCommitAt: string | null
  /** When it had last replayed all there was; null until then. */
  readonly refreshedAt: string | null
  /** When every page was last read against its checksum; absent until then, and where there are none. */
  readonly verifiedAt?: string
  readonly adoptedBy?: string
  readonly adoptedAt?: string
  /** Refreshes since the last good one whose copy did not come up. */
  readonly failedRefreshes?: number
}

/** A note that was cut off or edited is none: a failover restores a backup then, and a refresh begins anew. */
export function parseStandby(text: string): Standby | null {
  try {
    const value = JSON.parse(text) as Partial<Standby> | null
    return value && isWhole(value) ? (value as Standby) : null
  } catch {
    return null
  }
}

function isWhole(value: Partial<Standby>): boolean {
  const { format, state, seed, fromStore, backup, incarnation, seededAt, tablespaces, youngTablespaces, walInto, replayedLsn } = value
  const texts = [fromStore, backup, incarnation, seededAt].every((one) => typeof one === 'string')
  const places = [tablespaces, youngTablespaces].every((list) => Array.isArray(list) && list.every(({ into }) => typeof into === 'string'))
  const lsn = replayedLsn === null || (typeof replayedLsn === 'string' && isLsn(replayedLsn))
  const named = typeof seed === 'string' && /^[0-9a-f]{8}$/.test(seed) && (walInto === null || typeof walInto === 'string')
  return format === 'muster-standby-1' && ['seeding', 'ready', 'adopted', 'damaged'].includes(state ?? '') && named && texts && places && lsn
}

export interface WayToNewest {
  readonly untilLsn: bigint
  readonly incarnations: readonly { readonly incarnation: string; readonly forkLsn: string | null }[]
}

/** What fails so often does not pass: the copy is damaged, or lacks what its backup does not have. */
const mostFailedRefreshes = 3

/** Why a standby cannot go on along a way; null where it can. */
export function standbyStray(standby: Standby, way: WayToNewest): string | null {
  if (standby.state !== 'ready') return `it is ${standby.state}`
  if ((standby.failedRefreshes ?? 0) >= mostFailedRefreshes) return `its copy did not come up in ${standby.failedRefreshes} refreshes`
  if (standby.replayedLsn === null) return 'it was never replayed to the end'
  const at = way.incarnations.findIndex(({ incarnation }) => incarnation === standby.incarnation)
  if (at < 0) return `the life that it follows (${standby.incarnation}) is not on the way to the newest moment`
  const replayed = parseLsn(standby.replayedLsn)
  const fork = way.incarnations[at + 1]?.forkLsn
  if (fork !== undefined && fork !== null && replayed > parseLsn(fork)) return `it replayed to ${standby.replayedLsn}, beyond ${fork} where that life ended`
  if (replayed > way.untilLsn) return `it replayed to ${standby.replayedLsn}, and the stores lead to ${formatLsn(way.untilLsn)}`
  return null
}

/** The directories that it has outside its data directory: only what carries its name, whatever its note says. */
export function directoriesOf({ seed, tablespaces, youngTablespaces, walInto }: Standby): readonly string[] {
  const named = [...[...tablespaces, ...youngTablespaces].map(({ into }) => into), ...(walInto === null ? [] : [walInto])]
  return named.filter((path) => path.endsWith(`-${seed}`) || path.endsWith(`/muster-${seed}`))
}
