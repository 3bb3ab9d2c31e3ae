/** Other stores of the configuration, as far as this machine reaches them: does one of them know a newer truth, or another one? */
import type { SecretResolver } from '../../adapters/secret/secret.ts'
import { type ChainRelation, compareChains } from '../../domain/chains-compared.ts'
import { MusterError } from '../../domain/failures.ts'
import type { RecordChain } from '../../repository/control-records.ts'
import { within } from '../../repository/within.ts'
import { createStore } from '../stores.ts'
import { proveStore, type ProvenStore } from './proven-store.ts'

export interface OtherStore {
  readonly store: string
  /** What was opened, in relation to this one; null where it does not answer or is not believed. */
  readonly relation: ChainRelation | null
  /** A sentence. */
  readonly text: string
}

const secondsEach = 20

/** Never throws for what a store says. */
export async function compareWithOthers(opened: ProvenStore, host: string, rootFingerprint: string, secrets: SecretResolver): Promise<readonly OtherStore[]> {
  const names = Object.entries(opened.config.stores).flatMap(([name, store]) => (name !== opened.store.name && store.hosts.includes(host) ? [name] : []))
  return Promise.all(
    names.map(async (name): Promise<OtherStore> => {
      try {
        const other = await within(secondsEach, () => proveStore(createStore(opened.config, name, secrets), rootFingerprint), `store "${name}"`)
        return { store: name, ...judge(opened, other) }
      } catch (error) {
        if (!(error instanceof MusterError)) throw error
        return { store: name, relation: null, text: error.message }
      }
    }),
  )
}

function judge(opened: ProvenStore, other: ProvenStore): Pick<OtherStore, 'relation' | 'text'> {
  const found = [
    { what: 'the configuration', relation: relate(opened.installation, other.installation) },
    ...[...opened.chains].map(([system, chain]) => ({ what: system, relation: relate(chain, other.chains.get(system)) })),
  ]
  const apart = found.filter(({ relation }) => relation === 'apart')
  if (apart.length > 0) return { relation: 'apart', text: `its records of ${names(apart)} have grown apart from those of "${opened.store.name}"` }
  const behind = found.filter(({ relation }) => relation === 'behind')
  if (behind.length > 0) return { relation: 'behind', text: `knows newer records of ${names(behind)} than "${opened.store.name}"` }
  const isAhead = found.some(({ relation }) => relation === 'ahead')
  return isAhead ? { relation: 'ahead', text: 'knows less' } : { relation: 'same', text: 'knows the same' }
}

function names(found: readonly { readonly what: string }[]): string {
  return found.map(({ what }) => what).join(', ')
}

function relate(one: RecordChain, other: RecordChain | undefined): ChainRelation {
  const texts = (chain: RecordChain | undefined) => (chain?.documents ?? []).map((bytes) => bytes.toString('utf8'))
  return compareChains(texts(one), texts(other))
}
