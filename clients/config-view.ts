/** Which configuration was applied, and which each host has taken, as the stores say. */
import type { Verifier } from '../adapters/crypto/crypto.ts'
import type { Store } from '../adapters/store/store.ts'
import { type AppliedPointer, newestApplied, newestTaken } from '../domain/applied-config.ts'
import type { Config } from '../domain/config.ts'
import { MusterError } from '../domain/failures.ts'
import { hostChain, installationChain } from '../domain/object-keys.ts'
import type { ControlRecord } from '../domain/repository-format.ts'
import { readChain } from '../repository/control-records.ts'
import { within } from '../repository/within.ts'

export interface ConfigViewDeps {
  readonly config: Config
  readonly verifier: Verifier
  /** Believes control keys alone: a host cannot say what was applied. */
  readonly controlVerifier: Verifier
  readonly store: (name: string) => Promise<Store>
  readonly timeoutSeconds: number
}

export interface HostConfiguration {
  readonly host: string
  /** What its agent has said that it has; null where it never said anything. */
  readonly taken: AppliedPointer | null
  readonly isCurrent: boolean
}

export interface ConfigurationView {
  /** Null where no store answers, or nothing was applied since configurations have numbers. */
  readonly applied: AppliedPointer | null
  readonly hosts: readonly HostConfiguration[]
}

/** A store that does not answer or is not believed says nothing here; it is told of as a store. */
export async function viewConfiguration(deps: ConfigViewDeps): Promise<ConfigurationView> {
  const hosts = Object.values(deps.config.sites).flatMap((site) => [...site.hosts])
  const looks = await Promise.all(Object.keys(deps.config.stores).map((name) => lookInto(deps, name, hosts)))
  const applied = newestApplied(looks.flatMap((look) => look.installation))
  return {
    applied,
    hosts: hosts.map((host) => {
      const taken = newestTaken(
        looks.flatMap((look) => look.hosts.get(host) ?? []),
        host,
      )
      return { host, taken, isCurrent: applied === null || (taken?.number === applied.number && taken.configHash === applied.configHash) }
    }),
  }
}

interface Look {
  readonly installation: readonly ControlRecord[]
  readonly hosts: ReadonlyMap<string, readonly ControlRecord[]>
}

async function lookInto(deps: ConfigViewDeps, name: string, hosts: readonly string[]): Promise<Look> {
  const read = async (chain: string, verifier: Verifier): Promise<readonly ControlRecord[]> => {
    try {
      return await within(deps.timeoutSeconds, async () => (await readChain(await deps.store(name), chain, verifier)).records, `store "${name}"`)
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      return []
    }
  }
  const [installation, ...taken] = await Promise.all([
    read(installationChain, deps.controlVerifier),
    ...hosts.map(async (host) => [host, await read(hostChain(host), deps.verifier)] as const),
  ])
  return { installation, hosts: new Map(taken) }
}
