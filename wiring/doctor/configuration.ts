/** The configuration: valid, applied, and able to meet its own objectives; somebody is told; secrets are there. */
import { createSecretResolver } from '../../adapters/secret/resolver.ts'
import { configHash } from '../../config/canonical.ts'
import type { Config } from '../../domain/config.ts'
import { contactSecrets, contactsOf } from '../../domain/contacts.ts'
import { formatDuration } from '../../domain/durations.ts'
import { lastRuns } from '../../domain/schedule-due.ts'
import { parseSchedule } from '../../domain/schedule-spec.ts'
import { viewConfiguration } from '../../clients/config-view.ts'
import { newestHash } from '../applied-config.ts'
import { loadHere } from '../load-here.ts'
import type { Places } from '../places.ts'
import { createStore } from '../stores.ts'
import { localTrust } from '../trust.ts'
import type { Examined, Findings } from './findings.ts'

const about = 'configuration'

export async function examineConfiguration(findings: Findings, places: Places): Promise<{ readonly config: Config | null; readonly applied: boolean }> {
  const loaded = await findings.look(about, () => loadHere(places))
  const newest = await newestHash(places)
  if (!loaded) return { config: null, applied: newest !== null }
  findings.ok(about, `${places.configFile} is valid`)
  for (const warning of loaded.warnings) findings.warning(about, warning, 'change muster.yaml, or leave it so on purpose')
  if (newest === null)
    findings.warning(
      about,
      'nothing was applied on this host yet: no schedule runs and no WAL is stored',
      'muster up, or where Temporal runs already: muster apply',
    )
  else if (newest !== configHash(loaded.config))
    findings.warning(about, 'muster.yaml was changed since it was applied: what runs is the old one', 'muster apply --dry-run, then muster apply')
  else findings.ok(about, `applied as ${newest.slice(0, 12)}`)
  return { config: loaded.config, applied: newest !== null }
}

/** Agents that were away at the last apply. One host is this one, and has what is applied here. */
export async function examineHosts(findings: Findings, { places, config, applied }: Examined): Promise<void> {
  const trust = applied ? await localTrust(places).catch(() => null) : null
  if (!trust) return
  const secrets = createSecretResolver()
  const { verifier, controlVerifier } = trust
  const view = await viewConfiguration({ config, verifier, controlVerifier, store: async (name) => createStore(config, name, secrets), timeoutSeconds: 15 })
  if (view.applied === null) return
  const { configHash: hash } = view.applied
  if ((await newestHash(places)) !== hash)
    findings.warning(
      about,
      `this machine has another configuration than ${hash.slice(0, 12)}, which was applied ${view.applied.at}`,
      'take it over: muster worker',
    )
  else if (view.hosts.length === 1) return
  for (const { host, taken, isCurrent } of view.hosts) {
    if (isCurrent) findings.ok(about, `host ${host} has ${hash.slice(0, 12)}`)
    else
      findings.warning(
        about,
        `host ${host} ${taken === null ? 'never said that it took a configuration' : `has ${taken.configHash.slice(0, 12)}, taken ${taken.at}`}; applied is ${hash.slice(0, 12)}`,
        `start its agent, which fetches it: muster worker --host ${host}`,
      )
  }
}

export async function examinePolicy(findings: Findings, { config, systems, now }: Examined): Promise<void> {
  for (const system of systems) examineObjectives(findings, config, system, now)
  const { email, slack, log } = config.notifications
  if (!email && !slack && !log && !systems.some((system) => contactsOf(config, system).length > 0))
    findings.warning('notifications', 'nobody is told when a backup fails', 'write notifications in muster.yaml, then: muster apply')
  const secrets = createSecretResolver()
  const own = systems.flatMap((system) => contactsOf(config, system)).flatMap(contactSecrets)
  for (const reference of new Set([email?.smtp.password, slack?.webhook, ...own])) {
    if (reference !== undefined && (await findings.look('notifications', async () => secrets.resolve(reference))) !== null)
      findings.ok('notifications', `${reference} is there`)
  }
}

function examineObjectives(findings: Findings, config: Config, name: string, now: Date): void {
  const about = `system ${name}`
  const system = config.systems[name]
  const rpo = system?.objectives.rpoSeconds
  if (!system) return
  if (rpo === undefined) return findings.warning(about, 'no objective is set: nothing says how much may be lost', 'write objectives: { rpo: …, rto: … } for it')
  for (const [component, found] of Object.entries(system.components)) {
    if (found.type === 'postgresql') {
      if (2 * found.wal.shipEverySeconds > rpo)
        findings.warning(
          about,
          `${component} ships WAL every ${formatDuration(found.wal.shipEverySeconds)}, which may lose ${formatDuration(2 * found.wal.shipEverySeconds)}; the objective is ${formatDuration(rpo)}`,
          `lower wal.shipEvery of ${component}`,
        )
      continue
    }
    const gaps = system.backups.filter(({ components }) => components.includes(component)).map((rule) => intervalSeconds(rule, now))
    const shortest = Math.min(Number.POSITIVE_INFINITY, ...gaps)
    if (shortest > rpo) {
      const often = Number.isFinite(shortest) ? `only every ${formatDuration(shortest)}` : 'by no schedule'
      findings.warning(about, `${component} is backed up ${often}; the objective is ${formatDuration(rpo)}`, `back up ${component} more often, or accept it`)
    }
  }
}

function intervalSeconds({ every, zone }: { readonly every: string; readonly zone: string }, now: Date): number {
  const [last, before] = lastRuns(parseSchedule(every), zone, now, 2)
  return last && before ? (last.getTime() - before.getTime()) / 1000 : Number.POSITIVE_INFINITY
}
