/** `muster runbook`: the page that restores a backup when nothing of Muster is left; to be printed and kept. */
import type { Command } from 'commander'
import type { Verifier } from '../../adapters/crypto/crypto.ts'
import type { Store } from '../../adapters/store/store.ts'
import type { Config } from '../../domain/config.ts'
import { foldRecords } from '../../domain/control-state.ts'
import { MusterError } from '../../domain/failures.ts'
import { componentBackupsPrefix } from '../../domain/object-keys.ts'
import type { Manifest, Suspicion } from '../../domain/repository-format.ts'
import { readCatalog } from '../../repository/catalog.ts'
import { readRecords } from '../../repository/control-records.ts'
import { documentLimitBytes, sha256Hex } from '../../repository/signed-document.ts'
import type { Desk } from './desk.ts'
import { storeViewDeps } from './list.ts'
import { known } from './status.ts'

interface RunbookOptions {
  readonly backup?: string
  readonly from?: string
}

export function addRunbook(program: Command, desk: () => Desk): void {
  program
    .command('runbook')
    .description('print the commands that restore a backup by hand, with standard tools only')
    .argument('<system>')
    .argument('<component>')
    .option('--backup <id>', 'of this backup; of the newest otherwise')
    .option('--from <store>', 'as this store has it')
    .action(async (system: string, component: string, options: RunbookOptions) => {
      const { out } = desk()
      const found = await findRunbook(desk(), system, component, options)
      out.result(found, () => out.line(found.text))
    })
}

async function findRunbook(desk: Desk, system: string, component: string, options: RunbookOptions) {
  const { config } = await desk.applied(null)
  const stores = config.systems[known(config, system)]?.components[component]?.stores
  if (!stores) throw new MusterError('UnknownName', `system "${system}" has no component "${component}"`)
  const problems: string[] = []
  for (const store of options.from === undefined ? stores : [options.from]) {
    try {
      const text = await readRunbook(desk, config, store, system, component, options.backup)
      if (text) return { store, ...text }
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      problems.push(`${store}: ${error.message}`)
    }
  }
  throw new MusterError('BackupNotFound', [`no store has a runbook of ${system}/${component}`, ...problems].join('; '), {
    hint: `make one with a backup: muster backup ${system}`,
  })
}

async function readRunbook(desk: Desk, config: Config, storeName: string, system: string, component: string, backup: string | undefined) {
  const store = await desk.store(config, storeName)
  const deps = await storeViewDeps(desk, config)
  // Asked for by its name, also what a host under suspicion has signed.
  const suspicions = backup === undefined ? await suspicionsIn(desk, store, deps.verifier, system) : []
  const catalog = await readCatalog({ ...deps, suspicions }, store, system)
  const mine = catalog.manifests.filter((one) => one.component === component && (backup === undefined || one.backup === backup))
  const newest: Manifest | undefined = mine.at(-1)
  const doubt = catalog.invalid.filter(({ key }) => key.startsWith(componentBackupsPrefix(system, component))).at(-1)
  if (!newest && doubt) throw new MusterError('BackupNotFound', doubt.problem)
  if (!newest?.runbook) return null
  const bytes = await store.readBytes(newest.runbook.key, documentLimitBytes)
  if (sha256Hex(bytes) !== newest.runbook.sha256) throw new MusterError('ChecksumMismatch', `${newest.runbook.key} was changed after it was written`)
  return { backup: newest.backup, text: bytes.toString('utf8') }
}

/** This page is for when nothing else works: records that cannot be read hinder it no more than by a warning. */
async function suspicionsIn({ out }: Desk, store: Store, verifier: Verifier, system: string): Promise<readonly Suspicion[]> {
  try {
    return foldRecords((await readRecords({ stores: [store], verifier }, system)).records).suspicions
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    out.warn(`whether hosts of ${system} are under suspicion cannot be read: ${error.message}`)
    return []
  }
}
