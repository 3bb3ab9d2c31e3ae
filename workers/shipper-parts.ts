/** What the shipper of one instance consists of, for the files that each do one thing with it. */
import type { StoreLane } from './shipper-lane.ts'
import type { ReceivedProgress } from './shipper-progress.ts'
import type { Receiving } from './shipper-receiving.ts'
import type { RequiredStores } from './shipper-required.ts'
import type { ServerWatch } from './shipper-server-watch.ts'
import type { SpoolSet } from './shipper-spool-set.ts'
import type { KeptState } from './shipper-state.ts'
import type { ShipperDependencies, ShipperInstance } from './shipper-types.ts'

export interface ShipperParts {
  readonly deps: ShipperDependencies
  readonly instance: ShipperInstance
  readonly place: { readonly system: string; readonly component: string }
  readonly kept: KeptState
  readonly watch: ServerWatch
  readonly spools: SpoolSet
  readonly lanes: readonly StoreLane[]
  readonly required: RequiredStores
  readonly receiving: Receiving
  readonly progress: ReceivedProgress
}

/** One line in the log for an error that nobody waits for. */
export function logProblem({ deps, place }: ShipperParts, event: string, error: unknown): void {
  deps.log({ event, ...place, problem: error instanceof Error ? error.message : String(error) })
}
