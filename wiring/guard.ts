/**
 * `muster guard`: may a system be served on this host? Exit code 0 is the only yes. It needs no Temporal and no agent, only
 * what lies on the host: the applied configuration, the keys, and the stores that the host reaches.
 */
import { hasPass, readAcceptance, writeAcceptance } from '../activities/host/guard-permits.ts'
import { createSecretResolver } from '../adapters/secret/resolver.ts'
import type { GuardAnswer, GuardOptions } from '../clients/cli/guard.ts'
import type { Config } from '../domain/config.ts'
import { siteOfSystem } from '../domain/copies.ts'
import { MusterError } from '../domain/failures.ts'
import { type GuardVerdict, judgeGuard } from '../domain/guard.ts'
import { sitesOf } from '../domain/placement.ts'
import { within } from '../repository/within.ts'
import { lookBeside } from './guard-look.ts'
import { type GuardedHost, guardedHost } from './guarded-host.ts'
import { createNotifiers } from './notifiers.ts'
import { hostDirectory, type Places } from './places.ts'

const noticeSeconds = 10

/**
 * @throws MusterError NotActiveSite; Unreachable, or what the only store outside this site said, where nothing can be known;
 *   UnknownName, InvalidInput, ConfigInvalid, KeyNotTrusted
 */
export async function guardHere(places: Places, system: string, options: GuardOptions): Promise<GuardAnswer> {
  const guarded = await guardedHost(places, options)
  const { config, host, site } = guarded
  const home = siteOfSystem(config, system)
  if (sitesOf(config, system).length < 2) return { system, host, site, because: 'it has no other site' }
  const answers = await lookBeside(places, system, guarded)
  const verdict = judgeGuard(site, home, answers, host)
  if (verdict.kind === 'elsewhere') throw notHere(system, guarded, verdict)
  if (verdict.kind === 'isolated') throw isolated(system, guarded, verdict)
  const asked = answers.filter(({ records }) => records !== null && records.length > 0).map(({ store }) => store)
  if (verdict.kind === 'active') return { system, host, site, because: `it is active here, as ${asked.join(', ')} say` }
  return whereUnknown(places, system, guarded, verdict, options)
}

function notHere(system: string, { host, site }: GuardedHost, { standing }: Extract<GuardVerdict, { kind: 'elsewhere' }>): MusterError {
  const moved = standing.since === null ? '' : ` since ${standing.since}${standing.run === null ? '' : `, moved there by ${standing.run}`}`
  return new MusterError('NotActiveSite', `system "${system}" is active at site "${standing.site}"${moved}; host "${host}" is at site "${site}"`, {
    hint: `nothing is started here. What was committed here and is not there: muster diverged ${system}. To bring it back: muster failover ${system}`,
  })
}

function isolated(system: string, { host }: GuardedHost, { suspicion }: Extract<GuardVerdict, { kind: 'isolated' }>): MusterError {
  const { since, run, notedAt } = suspicion
  return new MusterError(
    'NotActiveSite',
    `host "${host}" is under suspicion since ${since}, noted at ${notedAt} by ${run}: system "${system}" is not served here`,
    {
      hint: `look at that run. Nothing came of it after all: muster scenario security-breach ${system} --lift ${run} --reason TEXT`,
    },
  )
}

async function whereUnknown(
  places: Places,
  system: string,
  { config, host, site }: GuardedHost,
  { problems, standing }: Extract<GuardVerdict, { kind: 'unknown' }>,
  { acceptUnknown, person }: GuardOptions,
): Promise<GuardAnswer> {
  const place = { hostDirectory: hostDirectory(places, host) }
  const about = { system, host, site }
  const told = problems.length === 0 ? [`host "${host}" reaches no store that stands outside site "${site}"`] : problems.map(({ message }) => message)
  if (acceptUnknown !== undefined) {
    const at = new Date().toISOString()
    await writeAcceptance(place, { at, ...about, person, reason: acceptUnknown, problems: told })
    const undelivered = await alarm(places, config, about, { at, person, reason: acceptUnknown, problems: told })
    return { ...about, because: `${person} accepted until the next boot that nobody outside knows: ${acceptUnknown}`, undelivered }
  }
  if (await hasPass(place, system)) return { ...about, because: 'a run of Muster starts it just now' }
  const accepted = await readAcceptance(place, system, site)
  if (accepted) return { ...about, because: `${accepted.person} accepted on ${accepted.at} that nobody outside knows: ${accepted.reason}` }
  // A lie is told by its own name; one store that is merely out is not the news then.
  const lie = problems.find(({ type }) => type === 'SignatureInvalid' || type === 'ManifestInvalid' || type === 'KeyNotTrusted')
  const known = standing === null ? '' : `; stores at this site say it is active here, which may be an old truth`
  throw new MusterError(lie?.type ?? 'Unreachable', `whether system "${system}" is active at site "${site}" cannot be known: ${told.join('; ')}${known}`, {
    hint: `mend the way to a store outside site "${site}"; or, when you know that it is served nowhere else: muster guard ${system} --host ${host} --accept-unknown REASON`,
  })
}

/** @returns channels that could not be told */
async function alarm(
  places: Places,
  config: Config,
  { system, host, site }: { readonly system: string; readonly host: string; readonly site: string },
  said: { readonly at: string; readonly person: string; readonly reason: string; readonly problems: readonly string[] },
): Promise<readonly string[]> {
  const notice = {
    event: 'alarm',
    severity: 'critical',
    organisation: config.organisation,
    system,
    procedure: 'guard',
    run: `guard/${host}`,
    subject: `${system} may start on ${host} although no store outside site ${site} says that it is active there`,
    body: `${said.person} accepted it: ${said.reason}\n${said.problems.join('\n')}\nMake sure that it is served nowhere else.`,
    at: said.at,
  } as const
  const told = await Promise.all(
    createNotifiers(config, places, createSecretResolver()).map(async (notifier) => {
      try {
        await within(noticeSeconds, () => notifier.notify(notice), notifier.channel)
        return null
      } catch (error) {
        return `${notifier.channel}: ${error instanceof Error ? error.message : String(error)}`
      }
    }),
  )
  return told.filter((one) => one !== null)
}
