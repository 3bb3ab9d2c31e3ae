/** A WAL shipper in a process of its own, so that tests can kill it. Its one argument is a file with a ShipperSetup. */
import { appendFileSync, readFileSync } from 'node:fs'
import type { PostgresqlInstance } from '../../adapters/component/postgresql/instance.ts'
import { openWalSource } from '../../adapters/component/postgresql/live-wal-source.ts'
import { createAgeEncryption } from '../../adapters/crypto/age.ts'
import { createVerifier, loadSigner } from '../../adapters/crypto/signature.ts'
import type { Incarnation } from '../../domain/repository-format.ts'
import { parseTimelineHistory, formatLsn } from '../../domain/wal.ts'
import { runShipper } from '../../workers/wal-shipper.ts'
import { createFolderStore } from './folder-store.ts'

export interface ShipperSetup {
  readonly instance: PostgresqlInstance
  readonly stores: readonly { readonly name: string; readonly directory: string }[]
  readonly requiredCopies: number
  readonly recipient: string
  readonly signingKey: string
  readonly stateDirectory: string
  readonly socketPath: string
  readonly logPath: string
  /** One JSON line per recorded gap. */
  readonly gapsPath: string
  readonly shipEverySeconds: number
  readonly silentSeconds: number
  readonly reserveBytes: number
  readonly whenStoresAreOut: 'protectDatabase' | 'protectRecovery'
}

export async function runShipperOf(setup: ShipperSetup, signal: AbortSignal): Promise<void> {
  const signer = await loadSigner(setup.signingKey)
  const { instance } = setup
  await runShipper(
    {
      organisation: 'Test',
      host: 'localhost',
      version: '0.1.0',
      encryption: createAgeEncryption([setup.recipient]),
      signer,
      verifier: createVerifier([{ publicKey: signer.publicKey, kinds: ['wal'] }]),
      currentIncarnation: async (place, facts): Promise<Incarnation> => {
        const fork = facts.history === null ? null : (parseTimelineHistory(facts.history).at(-1) ?? null)
        return {
          component: place.component,
          incarnation: `life${facts.timelineId}`,
          systemIdentifier: facts.systemIdentifier,
          timelineId: facts.timelineId,
          parent: fork === null ? null : `life${fork.parentTimelineId}`,
          forkLsn: fork === null ? null : formatLsn(fork.forkLsn),
          forkAt: null,
          host: 'localhost',
          registeredAt: new Date().toISOString(),
        }
      },
      onGap: async (gap) => appendFileSync(setup.gapsPath, `${JSON.stringify(gap)}\n`),
      log: (event) => appendFileSync(setup.logPath, `${JSON.stringify({ at: new Date().toISOString(), ...event })}\n`),
    },
    [
      {
        system: instance.system,
        component: instance.component,
        wal: {
          shipEverySeconds: setup.shipEverySeconds,
          whenStoresAreOut: setup.whenStoresAreOut,
          reserveBytes: setup.reserveBytes,
        },
        stores: setup.stores.map((store) => createFolderStore(store.name, store.directory)),
        isRequiredMet: (stores) => stores.size >= setup.requiredCopies,
        openSource: (override) => openWalSource(instance, override),
        silentSeconds: setup.silentSeconds,
      },
    ],
    { stateDirectory: setup.stateDirectory, socketPath: setup.socketPath, signal },
  )
}

const setupPath = process.argv[2]
if (process.argv[1]?.endsWith('wal-shipper-process.ts') && setupPath !== undefined) {
  const aborter = new AbortController()
  process.once('SIGTERM', () => aborter.abort())
  await runShipperOf(JSON.parse(readFileSync(setupPath, 'utf8')) as ShipperSetup, aborter.signal)
}
