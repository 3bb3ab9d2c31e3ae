/** What the WAL shipper is given: everything concrete comes from outside. */
import type { GapStatus } from '../adapters/component/postgresql/shipper-protocol.ts'
import type { ConnectionOverride, SourceFacts, WalSource } from '../adapters/component/postgresql/wal-source.ts'
import type { Encryption, Signer, Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import type { WalConfig } from '../domain/config.ts'
import type { Incarnation } from '../domain/repository-format.ts'
import type { ActivityWatch } from './shipper-activity.ts'

export interface ShipperEvent {
  readonly event: string
  readonly system: string
  readonly component: string
  readonly [detail: string]: unknown
}

export interface ShipperGap extends GapStatus {
  readonly system: string
  readonly component: string
}

export interface ShipperDependencies {
  readonly organisation: string
  readonly host: string
  /** Muster's own version, for the indexes. */
  readonly version: string
  readonly encryption: Encryption
  readonly signer: Signer
  readonly verifier: Verifier
  /**
   * The incarnation of a server, registered when it is new.
   * @throws MusterError WrongTarget for a server that is not the component's
   */
  readonly currentIncarnation: (place: { readonly system: string; readonly component: string }, facts: SourceFacts) => Promise<Incarnation>
  /**
   * Records a gap and raises the alarm. Called again until it resolves; `beforeLsn` is null while receiving
   * is stopped to protect the database, and the same gap comes again with it when it is known.
   */
  readonly onGap: (gap: ShipperGap) => Promise<void>
  readonly log: (event: ShipperEvent) => void
  /** Absent where every system is always active here. */
  readonly activity?: ActivityWatch
}

export interface ShipperInstance {
  readonly system: string
  readonly component: string
  readonly wal: Pick<WalConfig, 'shipEverySeconds' | 'whenStoresAreOut' | 'reserveBytes'>
  readonly stores: readonly Store[]
  /** Whether copies in these stores, each with its place as observed, satisfy the required copies. */
  readonly isRequiredMet: (stores: ReadonlyMap<string, string>) => boolean
  readonly openSource: (override: ConnectionOverride | null) => Promise<WalSource>
  /** A receiver that brought nothing for so long, although there was something, is killed; default 20. */
  readonly silentSeconds?: number
  /** Spool bytes kept for stores that are late beyond the required ones; default 2 GiB. */
  readonly keepForLateStoresBytes?: number
}
