/** A database that is not here yet: whether this host could restore it, run it and log in to it. */
import { mkdir } from 'node:fs/promises'
import { readCollationLibraries } from '../../adapters/component/postgresql/collation.ts'
import { osUserOf } from '../../adapters/component/postgresql/instance.ts'
import { majorOf } from '../../adapters/component/postgresql/programs.ts'
import { assertRestorePrograms } from '../../adapters/component/postgresql/restore-programs.ts'
import { collationWarnings } from '../../domain/collation.ts'
import type { PostgresqlComponentConfig } from '../../domain/config.ts'
import { tryOpen } from '../../repository/try-open.ts'
import { decryptionOf } from '../decryption.ts'
import { instanceOf } from '../instance.ts'
import { hostDirectory } from '../places.ts'
import { examinePlace, examineScratch } from './databases.ts'
import type { Examined, Findings } from './findings.ts'
import { examinePlaceToBe, type ToBe } from './place-to-be.ts'

export async function examineDatabaseToBe(findings: Findings, { places }: Examined, toBe: ToBe, found: PostgresqlComponentConfig): Promise<void> {
  const { about, config, system, component, newest } = toBe
  const directory = hostDirectory(places, found.host)
  await mkdir(directory, { recursive: true, mode: 0o711 })
  // Resolves the password too.
  const instance = await instanceOf(config, system, component, directory)
  await findings.look(about, () => examineScratch(instance, directory))
  await examinePlace(findings, about, found)
  await findings.look(about, () => examinePlaceToBe(findings, toBe, found.dataDirectory, { paths: [found.dataDirectory] }))
  await findings.look(about, async () => {
    const user = await osUserOf(instance)
    findings.ok(
      about,
      `the server would be run by ${user ?? 'the user of the agent'}${found.connection.password === undefined ? '' : '; its password is there'}`,
    )
  })
  if (newest?.manifest.type !== 'postgresql') return
  const { manifest, store } = newest
  const major = majorOf(manifest.postgresql.serverVersion)
  await findings.look(about, async () => {
    await assertRestorePrograms(instance, major)
    findings.ok(about, `the programs of PostgreSQL ${major} are here`)
    const here = await readCollationLibraries(instance, major)
    for (const warning of collationWarnings(component, found.host, manifest.postgresql, here))
      findings.warning(about, warning, 'give both hosts the same operating system release, or know that indexes are made anew after a failover')
  })
  if (!config.encryption.restoreHosts.includes(found.host))
    return findings.problem(about, `host ${found.host} is not among encryption.restoreHosts, so it cannot read backups`, 'add it there, then: muster apply')
  await findings.look(about, async () => {
    for (const doubt of await tryOpen(store, () => decryptionOf(config, null), manifest, { signal: AbortSignal.timeout(20_000) }))
      findings.warning(about, doubt, `muster repository check ${store.name}`)
    findings.ok(about, `the identity was tried with backup ${manifest.backup} from ${store.name}`)
  })
}
