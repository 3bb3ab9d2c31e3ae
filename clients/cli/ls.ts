/** `muster ls`: what a tree backup holds, from its encrypted index; nothing else of the backup is read. */
import type { Command } from 'commander'
import type { ComponentConfig } from '../../domain/config.ts'
import { formatSize } from '../../domain/durations.ts'
import { MusterError } from '../../domain/failures.ts'
import type { FilesManifest, Manifest } from '../../domain/repository-format.ts'
import type { TreeEntry } from '../../domain/tree-index.ts'
import { type DoubtfulBackup, readCatalog } from '../../repository/catalog.ts'
import { readSystemChains } from '../../repository/system-chains.ts'
import type { Desk } from './desk.ts'
import { known } from './status.ts'

interface LsOptions {
  readonly backup?: string
  readonly from?: string
  readonly identity?: string
  readonly recursive?: boolean
}

/** One line of the answer. */
interface ListedEntry {
  readonly path: string
  readonly type: TreeEntry['type']
  readonly sizeBytes: number
  readonly mode: string
  readonly uid: number
  readonly gid: number
  readonly modifiedAt: string
  readonly linkTarget: string | null
}

export function addLs(program: Command, desk: () => Desk): void {
  program
    .command('ls')
    .description('what a tree backup holds')
    .argument('<system>')
    .argument('<component>')
    .argument('[path]', 'a directory in it, or one entry', '')
    .option('--backup <id>', 'in this backup; the newest unless given')
    .option('--from <store>', 'read from this store')
    .option('--identity <file>', 'an age identity on this host')
    .option('-R, --recursive', 'everything below')
    .action(async (system: string, component: string, path: string, options: LsOptions) => {
      const { out } = desk()
      const { manifest, store, doubts } = await chooseBackup(desk(), system, component, options)
      for (const { why, lift } of doubts) out.warn(`${why}\n  → if nothing came of it: ${lift}`)
      const entries = await readEntries(desk(), manifest, store, path, options)
      const doubtful = doubts.map(({ manifest: { backup }, why, lift }) => ({ backup, why, lift }))
      out.result({ system, component, backup: manifest.backup, store, entries, doubtful }, () => {
        out.line(`${manifest.backup}   ${manifest.startedAt}   from ${store}`)
        for (const entry of entries) {
          const link = entry.linkTarget === null ? '' : ` → ${entry.linkTarget}`
          out.line(
            `${entry.mode} ${String(entry.uid).padStart(6)} ${String(entry.gid).padStart(6)} ${formatSize(entry.sizeBytes).padStart(8)}  ${entry.modifiedAt}  ${printable(entry.path)}${entry.type === 'directory' ? '/' : ''}${printable(link)}`,
          )
        }
      })
    })
}

/** A store that is out hides no suspicion that another has. */
const recordSeconds = 10

interface ChosenBackup {
  readonly manifest: FilesManifest
  readonly store: string
  /** This one, where it was asked for by name; else newer ones that were passed over. */
  readonly doubts: readonly DoubtfulBackup[]
}

async function chooseBackup(desk: Desk, system: string, component: string, options: LsOptions): Promise<ChosenBackup> {
  const { config } = await desk.applied(null)
  const found: ComponentConfig | undefined = config.systems[known(config, system)]?.components[component]
  if (!found)
    throw new MusterError(
      'UnknownName',
      `system "${system}" has no component "${component}"; it has: ${Object.keys(config.systems[system]?.components ?? {}).join(', ')}`,
    )
  if (found.type !== 'files')
    throw new MusterError('InvalidInput', `${system}/${component} is a ${found.type} component; only trees have entries`, {
      hint: `see its backups: muster list ${system}`,
    })
  const verifier = await desk.verifier()
  const cache = desk.cacheOf(found.host)
  const problems: string[] = []
  const places = Object.keys(config.stores).map((name) => ({ name, open: () => desk.store(config, name) }))
  const { suspicions } = await readSystemChains({ places, verifier, secondsEach: recordSeconds }, [system])
  for (const name of options.from ? [options.from] : found.stores) {
    try {
      const { manifests, damaged, doubtful } = await readCatalog({ verifier, cache, suspicions }, await desk.store(config, name), system)
      const damage = new Set(damaged.map(({ backup }) => backup))
      const isMine = (one: Manifest): one is FilesManifest => one.type === 'files' && one.component === component && !damage.has(one.backup)
      const doubts = doubtful.filter((one) => isMine(one.manifest))
      const named = doubts.find(({ manifest }) => manifest.backup === options.backup)
      if (named && isMine(named.manifest)) return { manifest: named.manifest, store: name, doubts: [named] }
      const mine = manifests.filter(isMine)
      const manifest = options.backup === undefined ? mine.at(-1) : mine.find(({ backup }) => backup === options.backup)
      if (manifest)
        return { manifest, store: name, doubts: options.backup === undefined ? doubts.filter((one) => one.manifest.endedAt > manifest.endedAt) : [] }
      problems.push(
        doubts.length === 0 ? `${name}: not there` : `${name}: ${doubts.map(({ why, lift }) => `${why}; if nothing came of it: ${lift}`).join('; ')}`,
      )
    } catch (error) {
      if (!(error instanceof MusterError) || options.from) throw error
      problems.push(`${name}: ${error.message}`)
    }
  }
  throw new MusterError(
    'BackupNotFound',
    `${options.backup === undefined ? `no backup of ${system}/${component}` : `backup "${options.backup}" of ${system}/${component}`} was found (${problems.join('; ')})`,
    { hint: `muster list ${system}` },
  )
}

async function readEntries(desk: Desk, manifest: FilesManifest, store: string, path: string, options: LsOptions): Promise<readonly ListedEntry[]> {
  if (!desk.treeEntries) throw new MusterError('NotSupported', 'this command line cannot read tree indexes')
  const wanted = path.replace(/^\.?\/+|\/+$/g, '')
  const several = manifest.files.paths.length > 1
  const entries: ListedEntry[] = []
  for await (const entry of desk.treeEntries(manifest, store, options.identity ?? null)) {
    // With several configured paths, the first part names which of them.
    const shown = several ? (entry.path === '.' ? String(entry.root) : `${entry.root}/${entry.path}`) : entry.path
    if (isWanted(shown, wanted, options.recursive ?? false)) entries.push(listed(entry, shown))
  }
  if (entries.length === 0)
    throw new MusterError('UnknownName', `there is no ${JSON.stringify(path)} in backup ${manifest.backup}`, {
      hint: `muster ls ${manifest.system} ${manifest.component}`,
    })
  return entries.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
}

/** The entry itself, and what lies directly below it (or all that lies below). */
export function isWanted(path: string, wanted: string, recursive: boolean): boolean {
  if (path === wanted) return true
  if (wanted !== '' && !path.startsWith(`${wanted}/`)) return false
  const below = wanted === '' ? path : path.slice(wanted.length + 1)
  return recursive || !below.includes('/')
}

function listed(entry: TreeEntry, path: string): ListedEntry {
  const letter = { file: '-', directory: 'd', symlink: 'l', hardlink: '-' }[entry.type]
  return {
    path,
    type: entry.type,
    sizeBytes: entry.sizeBytes,
    mode: `${letter}${entry.mode.toString(8).padStart(4, '0')}`,
    uid: entry.uid,
    gid: entry.gid,
    modifiedAt: new Date(Number(BigInt(entry.mtime) / 1_000_000n)).toISOString().slice(0, 19) + 'Z',
    linkTarget: entry.linkTarget ?? null,
  }
}

/** Names in a tree are anyone's: what would move a cursor or colour a terminal is shown, not sent. */
function printable(name: string): string {
  return name.replace(/[\p{Cc}\p{Cf}\u2028\u2029\uD800-\uDFFF]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}
