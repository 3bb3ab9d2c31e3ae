/** `muster doctor`: is the set-up able to work? Looks at everything a backup and a restore rely on, and changes nothing of it. */
import { placedWhereActive } from '../clients/active-sites.ts'
import type { DoctorFinding } from '../clients/cli/desk.ts'
import type { Config } from '../domain/config.ts'
import { examineConfiguration, examineHosts, examinePolicy } from './doctor/configuration.ts'
import { examineCopies, examineSpace } from './doctor/copies-and-space.ts'
import { examineDatabases } from './doctor/databases.ts'
import { examineDnsRecords } from './doctor/dns.ts'
import { createFindings, type Examined, type Findings } from './doctor/findings.ts'
import { examineGuards } from './doctor/guards.ts'
import { examineEncryption, examineKeys, hostsHere } from './doctor/keys.ts'
import { examinePrograms } from './doctor/programs.ts'
import { examineShippers } from './doctor/shipper.ts'
import { examineRecoveryKits } from './doctor/recovery-kits.ts'
import { examineStandingBy } from './doctor/standing-by.ts'
import { type ExaminedStore, examineStores } from './doctor/stores.ts'
import { examineTemporal } from './doctor/temporal.ts'
import { examineServices, examineTrees } from './doctor/trees-and-services.ts'
import type { Places } from './places.ts'
import { localTrust } from './trust.ts'

/** Never throws: what cannot be examined is a finding. Writes probe objects into stores and removes them. */
export async function examine(places: Places, options: { readonly system: string | null }): Promise<readonly DoctorFinding[]> {
  const findings = createFindings()
  try {
    await examineAll(findings, places, options.system)
  } catch (error) {
    findings.failed('doctor', error)
  }
  return findings.all
}

async function examineAll(findings: Findings, places: Places, only: string | null): Promise<void> {
  const { config, applied } = await examineConfiguration(findings, places)
  await step(findings, 'keys', () => examineKeys(findings, places, applied))
  await step(findings, 'programs', () => examinePrograms(findings))
  if (!config) return
  if (only !== null && !config.systems[only]) {
    return findings.problem('configuration', `there is no system "${only}"; configured are: ${Object.keys(config.systems).join(', ')}`, 'muster doctor')
  }
  const hosts = Object.values(config.sites).flatMap((site) => [...site.hosts])
  const examined: Examined = {
    places,
    config,
    systems: only === null ? Object.keys(config.systems) : [only],
    hosts: await hostsHere(places, hosts),
    applied,
    now: new Date(),
  }
  if (examined.hosts.length === 0)
    findings.warning(
      'keys',
      `the key of no configured host is here (${hosts.join(', ')}): nothing of a host can be examined`,
      'run muster doctor on the hosts themselves',
    )
  await step(findings, 'configuration', () => examinePolicy(findings, examined))
  await step(findings, 'configuration', () => examineHosts(findings, examined))
  await step(findings, 'encryption', () => examineEncryption(findings, examined))
  const stores = (await step(findings, 'stores', () => examineStores(findings, examined))) ?? new Map()
  await step(findings, 'recovery kit', () => examineRecoveryKits(findings, examined))
  const active: Examined = { ...examined, config: (await step(findings, 'control records', () => whereActive(examined, stores))) ?? config }
  await step(findings, 'copies', async () => examineCopies(findings, active, stores))
  const databases = await step(findings, 'databases', () => examineDatabases(findings, active))
  const trees = await step(findings, 'trees', () => examineTrees(findings, active))
  await step(findings, 'services', () => examineServices(findings, active))
  await step(findings, 'failover', () => examineStandingBy(findings, examined, active.config, stores))
  await step(findings, 'guard', () => examineGuards(findings, examined))
  await step(findings, 'dns', () => examineDnsRecords(findings, examined))
  await step(findings, 'staging', () => examineSpace(findings, active, stores, new Map([...(databases ?? []), ...(trees ?? [])])))
  await step(findings, 'WAL shipper', () => examineShippers(findings, active))
  await step(findings, 'temporal', () => examineTemporal(findings, examined))
}

/** Each system as it is at the site where it is active, as far as the stores that answer tell. */
async function whereActive({ config, places, applied }: Examined, stores: ReadonlyMap<string, ExaminedStore>): Promise<Config> {
  const trust = applied ? await localTrust(places).catch(() => null) : null
  return trust ? placedWhereActive(config, { stores: [...stores.values()].map(({ store }) => store), verifier: trust.verifier }) : config
}

/** The looks inside have their own limits; this one is for what none of them foresaw. */
function step<T>(findings: Findings, about: string, look: () => Promise<T>): Promise<T | null> {
  return findings.look(about, look, { seconds: 600 })
}
