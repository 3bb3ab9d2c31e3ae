/** `muster repository`: what one store holds, proven document by document. */
import type { Command } from 'commander'
import type { Config } from '../../domain/config.ts'
import { formatDuration } from '../../domain/durations.ts'
import { MusterError } from '../../domain/failures.ts'
import { checkRepository, type RepositoryFindings } from '../repository-check.ts'
import { noCache } from '../../repository/document-cache.ts'
import type { Desk } from './desk.ts'
import { addOpen } from './open.ts'
import type { Output } from './output.ts'

export function addRepository(program: Command, desk: () => Desk): void {
  const repository = program.command('repository').description('look at what one store holds, or begin again from it')
  repository
    .command('check')
    .description('read every document of a store and prove it; exit code 1 when something is wrong')
    .argument('<store>')
    .action((store: string) => readRepository(desk(), store, false))
  repository
    .command('rebuild')
    .description('the same, after forgetting what was read of it before: the catalog is rebuilt from this store alone')
    .argument('<store>')
    .action((store: string) => readRepository(desk(), store, true))
  addOpen(repository, desk)
}

/** @throws MusterError UnknownName; what the store throws */
export async function readRepository(desk: Desk, name: string, forget: boolean): Promise<void> {
  const { out } = desk
  const config = await configOf(desk)
  if (!config.stores[name])
    throw new MusterError('UnknownName', `there is no store "${name}"; configured are: ${Object.keys(config.stores).join(', ')}`, { hint: 'name one of these' })
  const hosts = Object.values(config.sites).flatMap((site) => site.hosts)
  if (forget) for (const host of hosts) await desk.cacheOf(host).forget(name)
  const store = await desk.store(config, name)
  // What was read once is believed elsewhere; here the store itself is asked.
  const cache = forget ? desk.cacheOf(hosts[0] ?? 'localhost') : noCache
  const deps = { config, verifier: await desk.verifier(), cache, onProgress: (text: string) => out.progress(text) }
  const found = await checkRepository(deps, store).finally(() => out.progressDone())
  out.result({ ...found, rebuilt: forget }, () => showRepository(out, found, new Date()))
  if (found.problems.length > 0) process.exitCode = 1
}

/** Where nothing was applied on this host, the file as it stands says where the stores are. */
async function configOf(desk: Desk): Promise<Config> {
  try {
    return (await desk.applied(null)).config
  } catch (error) {
    if (!(error instanceof MusterError) || error.type !== 'ConfigInvalid') throw error
    return (await desk.load()).config
  }
}

function showRepository(out: Output, found: RepositoryFindings, now: Date): void {
  out.line(
    `${found.store}   ${found.marker ? `store "${found.marker.store}" of "${found.marker.organisation}" since ${found.marker.createdAt}` : 'carries no mark'}`,
  )
  for (const one of found.systems) {
    out.line(
      `  ${one.system.padEnd(12)} ${one.backups} backups${one.newestBackup ? `, newest ${one.newestBackup}` : ''} · ${one.shipments} pieces of WAL · ${one.records} control records`,
    )
  }
  out.line(
    `  ${found.configs} configurations · ${found.ownRecords} records of applying them · ${found.forecasts} forecasts · ${found.kits} recovery kits · ${found.keyLists} key lists · ${found.unpublished} unpublished backups`,
  )
  const age =
    found.newestRecordAt === null
      ? 'there is no control record'
      : `its newest control record is ${formatDuration(Math.max(0, (now.getTime() - Date.parse(found.newestRecordAt)) / 1000))} old (${found.newestRecordAt})`
  out.line(`  ${age}`)
  for (const { key, problem } of found.problems.slice(0, 50)) out.line(`  ✗ ${key}: ${problem}`)
  if (found.problems.length > 50) out.line(`  … and ${found.problems.length - 50} more`)
  for (const { key, why } of found.doubtful.slice(0, 50)) out.line(`  ! ${key}: ${why}`)
  if (found.doubtful.length > 50) out.line(`  … and ${found.doubtful.length - 50} more that do not count`)
  for (const lift of new Set(found.doubtful.map((one) => one.lift))) out.line(`    → if nothing came of it: ${lift}`)
  if (found.problems.length === 0) out.line('  everything that was read is valid and whole')
  else out.line(`    → these are not used; restore from another store: muster restore SYSTEM --from STORE`)
}
