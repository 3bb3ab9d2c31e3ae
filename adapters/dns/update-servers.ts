/** Which of several update servers is used: the first one that works, those of a lost site last. */
import type { UpdateServerConfig } from '../../domain/config.ts'
import { failures, MusterError } from '../../domain/failures.ts'
import { addressesOf, type LookUpOptions } from './addresses.ts'
import type { ServerPlace } from './ask.ts'
import { RecordRefused } from './refused-records.ts'

/** These say something about the plan or about us, not about one server; so does a record that is refused. */
const decisive = ['PlanChanged', 'Cancelled', 'InvalidInput', 'SecretMissing', 'MusterBug']

export function inOrder(servers: readonly UpdateServerConfig[], lostSite?: string): readonly UpdateServerConfig[] {
  const isLost = (server: UpdateServerConfig) => server.site === lostSite
  return [...servers.filter((server) => !isLost(server)), ...servers.filter(isLost)]
}

/** @throws MusterError as `addressesOf` */
export async function locate({ host, port }: UpdateServerConfig, options: LookUpOptions, signal?: AbortSignal): Promise<ServerPlace> {
  const [address = host] = await addressesOf(host, options, signal)
  return { address, port }
}

/**
 * The result of the first server with which `work` succeeds.
 * @throws MusterError at once what is decisive; else what all servers failed with, which may pass as long as it may pass at
 *   one of them outside the lost site
 */
export async function onFirst<T>(
  servers: readonly UpdateServerConfig[],
  lostSite: string | undefined,
  work: (server: UpdateServerConfig) => Promise<T>,
): Promise<T> {
  const failed: { readonly site: string; readonly error: MusterError }[] = []
  for (const server of servers) {
    try {
      return await work(server)
    } catch (error) {
      if (!(error instanceof MusterError) || error instanceof RecordRefused || decisive.includes(error.type)) throw error
      failed.push({ site: server.site, error })
    }
  }
  const counting = failed.filter(({ site }) => site !== lostSite)
  const errors = (counting.length > 0 ? counting : failed).map(({ error }) => error)
  const telling = errors.find(({ type }) => failures[type].retry) ?? errors[0]
  if (!telling) throw new MusterError('ConfigInvalid', 'no update server is configured', { hint: 'list servers that take updates of the zone' })
  if (failed.length === 1) throw telling
  throw new MusterError(telling.type, failed.map(({ error }) => error.message).join('; '), { cause: telling, hint: telling.hint })
}
