/** Every bench by name, with its options. */
import { measureBackupOverhead } from './backup-overhead.ts'
import type { Options, OptionSpecs } from './command-line.ts'
import type { BenchResult } from './figures.ts'
import { measureLargeDatabase } from './large-database.ts'
import { measureOffsiteLag } from './offsite-lag.ts'
import { reportOutage } from './orchestrator-outage.ts'

export interface Bench {
  readonly options: OptionSpecs
  run(options: Options): Promise<BenchResult>
}

/** What an option gives to the bench. */
type Given<S> = { readonly [Name in keyof S]: S[Name] extends readonly (infer Word)[] ? Word : number }

/** The command line has checked that each option is of its kind. */
function bench<const S extends OptionSpecs>(options: S, run: (given: Given<S>) => Promise<BenchResult>): Bench {
  return { options, run: (given) => run(given as Given<S>) }
}

/** Clients of pgbench, transactions a second (0: all that the machine gives), its scale (15 MB each), and the store. */
const load = { clients: 4, rate: 0, scale: 10, offsite: ['s3', 'directory'] } as const

export const benches: Readonly<Record<string, Bench>> = {
  'backup-overhead': bench({ runs: 7, megabytes: 10, offsite: ['both', 's3', 'directory'] }, measureBackupOverhead),
  'large-database': bench({ megabytes: 2000, rounds: 3, 'random-percent': 0 }, measureLargeDatabase),
  'offsite-lag': bench({ 'ship-every-seconds': 30, seconds: 180, ...load }, measureOffsiteLag),
  'orchestrator-outage': bench({ 'outage-seconds': 600, 'ship-every-seconds': 30, 'steady-seconds': 120, ...load }, reportOutage),
}
