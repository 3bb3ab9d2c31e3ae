/** From names of servers to the addresses where they are asked. */
import { Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { MusterError } from '../../domain/failures.ts'
import { orCancelled } from './cancelled.ts'

export interface LookUpOptions {
  /** `address:port` of the resolvers to ask; those of the system where absent. */
  readonly resolvers?: readonly string[]
}

const tries = 2
const tryMilliseconds = 2_000

/**
 * Every address of a host, IPv4 first; the host itself when it is an address.
 * @throws MusterError Unreachable when no resolver says, PreconditionFailed when the name has no address, Cancelled
 */
export async function addressesOf(host: string, options: LookUpOptions = {}, signal?: AbortSignal): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host]
  const resolver = openResolver(options)
  const looks = await orCancelled(Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]), signal)
  const addresses = looks.flatMap((look) => (look.status === 'fulfilled' ? look.value : []))
  if (addresses.length > 0) return addresses
  const broken = looks.find((look) => look.status === 'rejected' && !isAbsence(look.reason))
  if (broken?.status === 'rejected') throw unresolved(`the address of the DNS server ${host}`, broken.reason)
  throw new MusterError('PreconditionFailed', `the DNS server ${host} has no address`, { hint: 'correct the name, or write the address of the server' })
}

/**
 * Names of the authoritative servers of a zone, as its own NS records say.
 * @throws MusterError Unreachable when no resolver says, PreconditionFailed when there are none, Cancelled
 */
export async function nameServersOf(zone: string, options: LookUpOptions = {}, signal?: AbortSignal): Promise<readonly string[]> {
  const looking = openResolver(options).resolveNs(zone.replace(/\.$/, ''))
  const names = await orCancelled(looking, signal).catch((error: unknown) => {
    if (error instanceof MusterError) throw error
    if (isAbsence(error)) return []
    throw unresolved(`the name servers of ${zone}`, error)
  })
  if (names.length > 0) return names.map((name) => `${name.toLowerCase()}.`).sort()
  throw new MusterError('PreconditionFailed', `${zone} has no name servers: it is no zone, or nobody delegated it`, {
    hint: 'correct zone, or list the servers in nameServers',
  })
}

function openResolver({ resolvers }: LookUpOptions): Resolver {
  const resolver = new Resolver({ timeout: tryMilliseconds, tries })
  if (resolvers) resolver.setServers(resolvers)
  return resolver
}

function isAbsence(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENODATA' || code === 'ENOTFOUND'
}

function unresolved(what: string, error: unknown): MusterError {
  const { code = 'no answer' } = error as NodeJS.ErrnoException
  return new MusterError('Unreachable', `${what} cannot be found: the resolvers of this host say ${code}`, {
    hint: 'write the addresses of the servers into muster.yaml, so that they are found while resolvers are down',
  })
}
