/** Plans where `pg_wal` of a restored database goes when the old one has it on a disk of its own. */
import type { RestoreForecast } from '../../../domain/forecast.ts'
import type { PlaceBeside } from '../../../domain/target.ts'
import type { RecoveryChoice } from '../../../repository/recovery-choice.ts'
import type { DatabasePlanning } from './plan-database.ts'
import { refuseTooSmall, walBytes } from './plan-figures.ts'

export interface PlannedWal {
  /** What the old data uses and goes on using; null where its `pg_wal` is an ordinary directory. */
  readonly directory: string | null
  /** The new directory; null where the restored database has `pg_wal` inside its data directory. */
  readonly into: string | null
  readonly neededBytes: number
  /** Then what is needed is needed beside the data directory. */
  readonly sameDisk: boolean
  readonly space: RestoreForecast['space']
  readonly warnings: readonly string[]
}

/** What this needs of the planning of a database. */
export interface WalPlanning {
  readonly agent: Pick<DatabasePlanning['agent'], 'host' | 'members'>
  readonly input: Pick<DatabasePlanning['input'], 'system' | 'into'>
  readonly component: Pick<DatabasePlanning['component'], 'host'>
  readonly observation: Pick<DatabasePlanning['observation'], 'content' | 'directory' | 'walDirectory' | 'wal'>
  readonly name: string
  readonly short: string
}

export interface WalChoice {
  readonly manifest: { readonly postgresql: Pick<RecoveryChoice['manifest']['postgresql'], 'walDirectory' | 'segmentSizeBytes'> }
  readonly path: { readonly base: Pick<RecoveryChoice['path']['base'], 'endLsn'> }
  readonly fetchUntilLsn: bigint
}

/** A server keeps about `max_wal_size` of WAL; 1 GB is what that is where nobody set it. */
const usualWalBytes = 1_073_741_824

/** @throws MusterError NotEnoughSpace */
export async function planWal(planning: WalPlanning, choice: WalChoice): Promise<PlannedWal> {
  const { agent, input, name, short } = planning
  const inside = { directory: null, into: null, neededBytes: 0, sameDisk: false, space: [], warnings: [] }
  if (input.into) return inside
  const place = await placeOfWal(planning, choice)
  if (place === null) return inside
  if (!place.there) {
    const warning = `pg_wal was a link to ${place.path}, which is not there: the restored database of ${name} has it inside its data directory`
    return { ...inside, directory: planning.observation.walDirectory, warnings: [warning] }
  }
  const neededBytes = bytesForWal(choice, place)
  if (!place.sameDisk) refuseTooSmall(`WAL of ${input.system}/${name}`, place.path, neededBytes, place.freeBytes)
  const into = agent.members.newPathBeside(place.path, place.inside, short)
  return {
    directory: place.path,
    into,
    neededBytes,
    sameDisk: place.sameDisk,
    space: place.sameDisk ? [] : [{ path: into, neededBytes, freeBytes: place.freeBytes }],
    warnings: [],
  }
}

/** As the data directory has it; where that is gone, as the backup remembers it. */
async function placeOfWal({ agent, component, observation }: WalPlanning, choice: WalChoice): Promise<PlaceBeside | null> {
  if (observation.content === 'database') return observation.wal ?? null
  const { walDirectory } = choice.manifest.postgresql
  if (walDirectory === undefined) return null
  if (component.host === agent.host) return agent.members.inspectBeside(walDirectory, observation.directory)
  // Nobody looked there: another host makes this plan.
  return { path: walDirectory, sizeBytes: 0, freeBytes: 0, inside: false, there: false, sameDisk: false }
}

/** What comes with the base backup and what is replayed, but no more than a server keeps. */
function bytesForWal(choice: WalChoice, place: PlaceBeside): number {
  const { segmentSizeBytes } = choice.manifest.postgresql
  return Math.min(walBytes(choice) + 4 * segmentSizeBytes, Math.max(place.sizeBytes, usualWalBytes))
}
