/** `muster repository open`: when all that is left is a store. */
import type { Command } from 'commander'
import { formatDuration } from '../../domain/durations.ts'
import type { OpenedSystem } from '../opened-view.ts'
import type { Desk } from './desk.ts'
import type { Output } from './output.ts'

export interface OpenedRepository {
  readonly at: string
  readonly store: string
  readonly organisation: string
  readonly host: string
  readonly site: string
  readonly config: { readonly hash: string; readonly number: number; readonly appliedAt: string }
  readonly newestRecordAt: string | null
  readonly systems: readonly OpenedSystem[]
  /** What other stores say that this host reaches. */
  readonly others: readonly { readonly store: string; readonly text: string }[]
  readonly kit: { readonly madeAt: string | null; readonly holds: number; readonly lacks: readonly string[] }
  readonly written: readonly string[]
  readonly notes: readonly string[]
}

export interface OpenRepositoryOptions {
  /** Directory of the store, or a file that declares it. */
  readonly store: string
  /** `SHA256:…`; null takes the one that is pinned on this machine. */
  readonly rootFingerprint: string | null
  /** Null takes `identity.txt` of the key directory. */
  readonly identityFile: string | null
  readonly host: string | null
  readonly withoutKit: boolean
  readonly acceptOlder: boolean
  /** Proves everything and writes nothing. */
  readonly dryRun: boolean
  readonly onProgress: (text: string) => void
}

interface OpenOptions {
  readonly rootFingerprint?: string
  readonly identity?: string
  readonly host?: string
  readonly withoutKit?: boolean
  readonly acceptOlder?: boolean
  readonly dryRun?: boolean
}

export function addOpen(repository: Command, desk: () => Desk): void {
  repository
    .command('open')
    .description('set this machine up from one store, when all else is gone; writes nothing before all was proven')
    .argument('<store>', 'its directory, or a file that declares it as under stores: in muster.yaml')
    .option('--root-fingerprint <fingerprint>', 'that you hold, SHA256:…; the one that is pinned here, unless given')
    .option('--identity <file>', 'an age identity of one of the recipients; identity.txt of the key directory, unless given')
    .option('--host <host>', 'which host of the configuration this machine is to be')
    .option('--without-kit', 'leave the recovery kit out')
    .option('--accept-older', 'go on although another store knows more, or something else')
    .option('--dry-run', 'prove everything, write nothing')
    .action(async (store: string, options: OpenOptions) => {
      const { out, openRepository } = desk()
      const opened = await openRepository({
        store,
        rootFingerprint: options.rootFingerprint ?? null,
        identityFile: options.identity ?? null,
        host: options.host ?? null,
        withoutKit: options.withoutKit ?? false,
        acceptOlder: options.acceptOlder ?? false,
        dryRun: options.dryRun ?? false,
        onProgress: (text) => out.progress(text),
      }).finally(() => out.progressDone())
      out.result(opened, () => showOpened(out, opened, options.dryRun ?? false))
    })
}

function showOpened(out: Output, opened: OpenedRepository, dryRun: boolean): void {
  const { config, kit, host, site } = opened
  const age = (at: string | null) => (at === null ? 'none' : `${formatDuration(Math.max(0, (Date.parse(opened.at) - Date.parse(at)) / 1000))} old (${at})`)
  out.line(`${dryRun ? 'would open' : 'opened'} store "${opened.store}" of "${opened.organisation}", as host ${host} of site ${site}`)
  out.line(`  configuration  ${config.hash.slice(0, 12)}, number ${config.number}, ${age(config.appliedAt)}`)
  out.line(`  newest record  ${age(opened.newestRecordAt)}`)
  for (const one of opened.systems) showSystem(out, one, age)
  out.line(
    `  recovery kit   ${kit.madeAt === null ? 'none' : `${kit.holds} items, made ${kit.madeAt}`}${kit.lacks.length > 0 ? `; lacks ${kit.lacks.join(', ')}` : ''}`,
  )
  for (const { store, text } of opened.others) out.line(`  store ${store.padEnd(8)} ${text}`)
  out.line('  what other stores know that this host does not reach is not known here')
  for (const path of opened.written) out.line(`  wrote ${path}`)
  for (const note of opened.notes) out.line(`  ! ${note}`)
  for (const { system, activeSite } of opened.systems) if (activeSite !== site) out.line(`  → muster failover ${system} --offline --plan`)
}

function showSystem(out: Output, one: OpenedSystem, age: (at: string | null) => string): void {
  out.line(`  ${one.system.padEnd(14)} active at ${one.activeSite ?? 'no site'} · ${one.backups} backups, newest ${age(one.newestBackupAt)}`)
  for (const [component, until] of Object.entries(one.recoverableUntil)) out.line(`    ${component.padEnd(12)} newest commit ${age(until)}`)
  for (const problem of one.problems.slice(0, 5)) out.line(`    ✗ ${problem}`)
  if (one.problems.length > 5) out.line(`    ✗ … and ${one.problems.length - 5} more`)
}
