/** Asking every authoritative server of a zone what it answers for one record. */
import type { DnsRecordConfig, NameServerConfig } from '../../domain/config.ts'
import type { RecordSet } from '../../domain/dns.ts'
import { answerProblem, type ServerObservation } from '../../domain/dns-observation.ts'
import { MusterError } from '../../domain/failures.ts'
import { addressesOf, type LookUpOptions, nameServersOf } from './addresses.ts'
import { recordIn, refusalOf, serialIn } from './answers.ts'
import { ask, placeText, type ServerPlace } from './ask.ts'
import { pause } from './cancelled.ts'

export type Observer = (wanted: RecordSet, signal?: AbortSignal) => Promise<readonly ServerObservation[]>

export interface ObserveOptions extends LookUpOptions {
  /** Where servers that were found by asking listen. */
  readonly port?: number
  /** Its servers do not count, so nobody waits for one that is silent. */
  readonly lostSite?: string
}

type Place = { readonly server: string; readonly site: string | null } & ServerPlace

/** What a server of the lost site may take longer than all that count; it is asked again later. */
const graceMilliseconds = 250

/**
 * Looks at all servers at the same time.
 * @throws MusterError from a look: Unreachable or PreconditionFailed when the zone's servers cannot be found, Cancelled
 */
export function createObserver(record: DnsRecordConfig, options: ObserveOptions = {}): Observer {
  return async (wanted, signal) => {
    const servers = await authoritativeServers(record, options, signal)
    const isLost = ({ site }: NameServerConfig) => site !== undefined && site === options.lostSite
    const counting = Promise.all(servers.filter((server) => !isLost(server)).map((server) => lookAtServer(record.zone, server, wanted, options, signal)))
    const lost = servers.filter(isLost).map((server) => lookAtLost(record.zone, server, wanted, { ...options, counting }, signal))
    return (await Promise.all([counting, ...lost])).flat(2)
  }
}

/** A site that is lost is mostly silent: what is waited for there would be added to every failover. */
async function lookAtLost(
  zone: string,
  server: NameServerConfig,
  wanted: RecordSet,
  { counting, ...options }: LookUpOptions & { readonly counting: Promise<unknown> },
  signal?: AbortSignal,
): Promise<readonly ServerObservation[]> {
  const enough = new AbortController()
  const either = AbortSignal.any([enough.signal, ...(signal ? [signal] : [])])
  const looking = lookAtServer(zone, server, wanted, options, either).catch((error: unknown) => {
    if (!enough.signal.aborted || signal?.aborted) throw error
    return [{ ...nothing, server: serverText(server), address: '', site: server.site ?? null, problem: 'had not answered when the servers that count had' }]
  })
  const patience = counting.then(() => pause(graceMilliseconds, either)).finally(() => enough.abort())
  // Its failure is that of the servers that count, which the caller has already.
  patience.catch(() => undefined)
  return looking
}

function serverText({ host, port }: NameServerConfig): string {
  return port === 53 ? host : `${host}:${port}`
}

/**
 * The configured ones, else those that the zone itself names.
 * @throws MusterError Unreachable or PreconditionFailed when they cannot be found, Cancelled
 */
export async function authoritativeServers(record: DnsRecordConfig, options: ObserveOptions, signal?: AbortSignal): Promise<readonly NameServerConfig[]> {
  if (record.nameServers.length > 0) return record.nameServers
  return (await nameServersOf(record.zone, options, signal)).map((host) => ({ host, port: options.port ?? 53 }))
}

async function lookAtServer(
  zone: string,
  asked: NameServerConfig,
  wanted: RecordSet,
  options: LookUpOptions,
  signal?: AbortSignal,
): Promise<readonly ServerObservation[]> {
  const { host, port } = asked
  const site = asked.site ?? null
  const server = serverText(asked)
  const addresses = await addressesOf(host, options, signal).catch(insteadOfAnswer)
  if (typeof addresses === 'string') return [{ ...nothing, server, address: '', site, problem: addresses }]
  return Promise.all(addresses.map((address) => look(zone, { server, site, address, port }, wanted, signal)))
}

async function look(zone: string, place: Place, wanted: RecordSet, signal?: AbortSignal): Promise<ServerObservation> {
  const base = { ...nothing, server: place.server, address: placeText(place), site: place.site }
  const answer = await ask(place, { name: wanted.name, type: wanted.type }, signal).catch(insteadOfAnswer)
  if (typeof answer === 'string') return { ...base, problem: answer.replace(`the DNS server ${base.address} `, '') }
  const refusal = refusalOf(answer)
  if (refusal !== null) return { ...base, problem: refusal }
  const found = recordIn(answer, wanted.name, wanted.type)
  const problem = found.aliasOf === null ? answerProblem(found.values, wanted) : `answers that ${wanted.name} is an alias of ${found.aliasOf}`
  const serial = serialIn(answer) ?? (await askSerial(zone, place, signal))
  return { ...base, answers: found.values, ttlSeconds: found.ttlSeconds, serial, observed: true, ok: problem === null, problem }
}

/** For the record only: a server that has just answered and does not give it has still answered. */
async function askSerial(zone: string, place: ServerPlace, signal?: AbortSignal): Promise<number | null> {
  const answer = await ask(place, { name: zone, type: 'SOA' }, signal).catch(insteadOfAnswer)
  return typeof answer === 'string' ? null : serialIn(answer)
}

const nothing: Omit<ServerObservation, 'server' | 'address' | 'site'> = {
  answers: [],
  ttlSeconds: null,
  serial: null,
  observed: false,
  ok: false,
  problem: null,
}

/** The reason as text; a cancelled look is no observation. */
function insteadOfAnswer(error: unknown): string {
  if (error instanceof MusterError && error.type !== 'Cancelled') return error.message
  throw error
}
