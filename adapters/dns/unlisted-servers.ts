/** Servers that a zone names and the configuration does not: whoever asks them would get an answer that nobody looked at. */
import type { DnsRecordConfig } from '../../domain/config.ts'
import { observedDnsValue } from '../../domain/dns-values.ts'
import { MusterError } from '../../domain/failures.ts'
import { addressesOf } from './addresses.ts'
import { recordIn, refusalOf } from './answers.ts'
import { type Answer, ask, type ServerPlace } from './ask.ts'
import type { ObserveOptions } from './observe.ts'

/**
 * Names of the zone's own NS records that are none of the configured servers, by name or address; empty where none are
 * configured, since then those of the zone are asked. The first configured server that answers tells.
 * @throws MusterError Unreachable when none of them does, Cancelled
 */
export async function unlistedServers(record: DnsRecordConfig, options: ObserveOptions, signal?: AbortSignal): Promise<readonly string[]> {
  if (record.nameServers.length === 0) return []
  const hosts = record.nameServers.map(({ host }) => host)
  const places = await Promise.all(record.nameServers.map(({ host, port }) => placesOf(host, port, options, signal)))
  const listed = new Set(places.flat().map(({ address }) => address))
  const { place, names } = await firstThatTells(record.zone, places.flat(), signal)
  const found = await Promise.all(
    names.map(async (name) => {
      if (hosts.includes(name)) return []
      const addresses = await addressesAt(place, name, options, signal)
      return addresses.some((address) => listed.has(address)) ? [] : [name]
    }),
  )
  return found.flat()
}

async function firstThatTells(zone: string, places: readonly ServerPlace[], signal?: AbortSignal) {
  let failure = new MusterError('Unreachable', `no configured name server of ${zone} has an address`)
  for (const place of places) {
    try {
      const answer = await ask(place, { name: zone, type: 'NS' }, signal)
      const refusal = refusalOf(answer)
      if (refusal === null) return { place, names: namesIn(answer) }
      failure = new MusterError('Unreachable', `asked for the name servers of ${zone}, ${place.address} ${refusal}`)
    } catch (error) {
      if (!(error instanceof MusterError) || error.type === 'Cancelled') throw error
      failure = error
    }
  }
  throw failure
}

function namesIn({ answers = [] }: Answer): readonly string[] {
  return [...new Set(answers.flatMap((record) => (record.type === 'NS' ? [observedDnsValue('CNAME', record.data)] : [])))].sort()
}

/** The zone itself may say where its servers are; else the resolvers do. */
async function addressesAt(place: ServerPlace, name: string, options: ObserveOptions, signal?: AbortSignal): Promise<readonly string[]> {
  const own = await Promise.all(
    (['A', 'AAAA'] as const).map(async (type) => {
      const answer = await ask(place, { name, type }, signal)
      return refusalOf(answer) === null ? recordIn(answer, name, type).values : []
    }),
  )
  return own.flat().length > 0 ? own.flat() : (await placesOf(name, 53, options, signal)).map(({ address }) => address)
}

/** None where it cannot be found: observing it says why. */
async function placesOf(host: string, port: number, options: ObserveOptions, signal?: AbortSignal): Promise<readonly ServerPlace[]> {
  try {
    return (await addressesOf(host, options, signal)).map((address) => ({ address, port }))
  } catch (error) {
    if (error instanceof MusterError && error.type !== 'Cancelled') return []
    throw error
  }
}
