/** How old is the truth that a store tells of a system: where it is active, its newest backup, and how far it can be brought back. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import type { Config } from '../domain/config.ts'
import { type ControlState, currentIncarnation } from '../domain/control-state.ts'
import { MusterError } from '../domain/failures.ts'
import { noCache } from '../repository/document-cache.ts'
import { viewStore } from '../repository/store-view.ts'

export interface OpenedSystem {
  readonly system: string
  readonly activeSite: string | null
  readonly backups: number
  /** Start of the newest; ISO-8601 UTC. */
  readonly newestBackupAt: string | null
  /** Per database in service: the newest moment that the store holds. */
  readonly recoverableUntil: Readonly<Record<string, string | null>>
  /** Backups and WAL that are not believed or not whole. */
  readonly problems: readonly string[]
}

/** Large repositories far away take their time. */
const storeSeconds = 600

/** Proves every manifest, and the WAL at the end of each window. @throws MusterError when the store cannot be read to the end */
export async function viewOpenedSystem(config: Config, verifier: Verifier, store: Store, system: string, state: ControlState): Promise<OpenedSystem> {
  const { catalog, databases, trouble } = await viewStore(
    { config, verifier, cache: noCache, store: async () => store, timeoutSeconds: storeSeconds },
    system,
    state,
    store.name,
  )
  if (catalog === null)
    throw new MusterError('Unreachable', `store "${store.name}" could not be read to the end: ${trouble?.message}`, { hint: 'mend that, and open it again' })
  const damaged = new Set(catalog.damaged.map(({ backup }) => backup))
  const whole = catalog.manifests.filter(({ backup }) => !damaged.has(backup))
  const components = Object.keys(config.systems[system]?.components ?? {})
  const inService = components.flatMap((component) => {
    const current = currentIncarnation(state, component)
    return current ? [{ component, incarnation: current.incarnation }] : []
  })
  return {
    system,
    activeSite: state.site?.site ?? null,
    backups: new Set(whole.map(({ run }) => run)).size,
    newestBackupAt:
      whole
        .map(({ startedAt }) => startedAt)
        .sort()
        .at(-1) ?? null,
    recoverableUntil: Object.fromEntries(
      inService.map(({ component, incarnation }) => {
        const ends = databases
          .filter((one) => one.component === component)
          .flatMap(({ windows }) => windows.filter((window) => window.incarnation === incarnation))
        return [
          component,
          ends
            .map(({ untilAt }) => untilAt)
            .sort()
            .at(-1) ?? null,
        ]
      }),
    ),
    problems: [
      ...catalog.invalid.map(({ problem }) => problem),
      ...catalog.damaged.map(({ key, problem }) => `${key} ${problem}`),
      ...databases.flatMap(({ invalid }) => invalid),
    ],
  }
}
