/**
 * A plan: the *decision* is hashed and approved, and computed again right before the first
 * irreversible step; the *forecast* (forecast.ts) is re-taken at will and only has to stay inside
 * the decision's bounds.
 */
import type { ApprovalRule } from './approval.ts'
import { canonicalJson } from './canonical-json.ts'
import { MusterError } from './failures.ts'
import type { MoveDecision, MoveProcedure } from './move.ts'
import { rulesTexts, type TreeRules } from './tree-rules.ts'

export const decisionLimitBytes = 32 * 1024

export type SetAsideMethod = 'rename' | 'rename-contents' | 'copy' | 'none'

export type RecoveryTarget =
  | { readonly kind: 'latest' }
  | { readonly kind: 'time'; readonly time: string }
  /** To before the record that begins there; with `inclusive` to behind it. */
  | { readonly kind: 'lsn'; readonly lsn: string; readonly inclusive?: true }
  | { readonly kind: 'name'; readonly name: string }
  /** To the end of one backup, without further WAL. */
  | { readonly kind: 'backup'; readonly backup: string }

export interface RestoreDecision {
  readonly format: 'muster-decision-1'
  readonly procedure: 'restoreSystem' | 'recoverToPointInTime' | 'drill' | MoveProcedure
  readonly organisation: string
  readonly system: string
  readonly configHash: string
  readonly target: RecoveryTarget
  /** `move`: in place at another site, whose old data is another life. */
  readonly mode: 'in-place' | 'elsewhere' | 'back' | 'move'
  readonly components: readonly ComponentDecision[]
  /**
   * Services in stop order, with what each was when the plan was made. `lost`: stopped, because what it serves is lost;
   * it is started at the end, but not when the run is rolled back.
   */
  readonly services: readonly { readonly name: string; readonly host: string; readonly state: 'running' | 'stopped' | 'lost' }[]
  readonly stopFirst: boolean
  /** Steps in order, as ids; `docs/operating.md` says what each does. */
  readonly steps: readonly string[]
  /** The step after which nothing is rolled back by itself. */
  readonly pointOfNoReturn: string
  readonly bounds: RestoreBounds
  /** Required stores the run may open without, because a person said so when asking. */
  readonly openWith: readonly string[]
  readonly approvals: ApprovalRule
  readonly expiresAt: string
  /** Only of a move. */
  readonly move?: MoveDecision
}

export interface RestoreBounds {
  /** Of a move: more may be lost only where `acceptLoss` says so; null where nothing bounds it. */
  readonly maxLossSeconds: number | null
}

export type ComponentDecision = PostgresqlDecision | FilesDecision

export interface PostgresqlDecision {
  readonly type: 'postgresql'
  readonly component: string
  readonly host: string
  readonly directory: string
  /** Only for `elsewhere`: the port of the restored server. */
  readonly port: number | null
  /** What must be found at the target, planned and again before acting; null where nothing is there any more. */
  readonly identity: { readonly systemIdentifier: string; readonly incarnation: string } | null
  /** Whether its server ran when the plan was made: what was stopped stays stopped when the run is rolled back. */
  readonly running: boolean
  readonly fromStore: string
  readonly backup: string
  readonly incarnation: string
  readonly timelineId: number
  readonly setAside: SetAsideMethod
  /** Of the backup, with the new directory each goes to. */
  readonly tablespaces: readonly { readonly oid: number; readonly path: string; readonly into: string }[]
  /** Of the database in service, made after the backup: where the copy has its own. Absent where there are none. */
  readonly youngTablespaces?: readonly { readonly oid: number; readonly path: string; readonly into: string }[]
  /** Where `pg_wal` is a link: the directory that the old data goes on using. */
  readonly walDirectory: string | null
  /** The new directory beside it that `pg_wal` of the restored copy points to; absent where that is an ordinary directory. */
  readonly walInto?: string
  /** Directories outside the data directory that belong to the old data: they stay where they are, as members of the safety set. */
  readonly alsoSetAside?: readonly string[]
  /** Only for `back`: the directory of the safety set. */
  readonly safetyPath: string | null
  /** Of a move: the standby at the target that is taken instead of restoring the backup; absent where none is. */
  readonly standby?: { readonly seed: string }
}

export interface FilesDecision {
  readonly type: 'files'
  readonly component: string
  readonly host: string
  readonly fromStore: string
  readonly backup: string
  readonly members: readonly { readonly path: string; readonly into: string; readonly setAside: SetAsideMethod; readonly safetyPath: string | null }[]
  /** One path restored alone, or null for the whole tree. */
  readonly only: string | null
  readonly newerFiles: 'keep' | 'discard'
  /** Absent where all of the backup is brought as it is. */
  readonly rules?: TreeRules
}

/** The text that is hashed and approved. @throws MusterError OutOfBounds when it would be larger than 32 KiB */
export function decisionText(decision: RestoreDecision): string {
  const text = canonicalJson(decision)
  if (text.length > decisionLimitBytes) {
    throw new MusterError('OutOfBounds', `the decision is ${text.length} bytes long, ${decisionLimitBytes} are allowed`, {
      hint: 'restore fewer components at once: --component NAME',
    })
  }
  return text
}

/** A target in words. */
export function describeTarget(target: RecoveryTarget): string {
  switch (target.kind) {
    case 'latest':
      return 'the newest reachable moment'
    case 'time':
      return target.time
    case 'lsn':
      return `LSN ${target.lsn}`
    case 'name':
      return `the point "${target.name}"`
    case 'backup':
      return `the end of backup ${target.backup}`
  }
}

/** What is special about a component: directories outside a data directory, of which the restored copy gets new ones; the rules of a tree. In words. */
export function besideTexts(one: ComponentDecision): readonly string[] {
  if (one.type !== 'postgresql') return rulesTexts(one.rules)
  const news = new Map([...one.tablespaces, ...(one.youngTablespaces ?? [])].map(({ path, into }) => [path, `tablespace ${into}`]))
  if (one.walInto !== undefined && one.walDirectory !== null) news.set(one.walDirectory, `pg_wal ${one.walInto}`)
  const kept = (one.alsoSetAside ?? []).map((path) => `kept where it is: ${path}${news.has(path) ? `; instead of it: ${news.get(path)}` : ''}`)
  const made = [...news].filter(([path]) => !(one.alsoSetAside ?? []).includes(path)).map(([, text]) => `new: ${text}`)
  return [...kept, ...made]
}
