/** `muster diverged`: what a fenced side has committed that is not in the data in service. */
import type { Command } from 'commander'
import type { Desk } from './desk.ts'
import type { Output } from './output.ts'

export interface DivergedReport {
  readonly system: string
  readonly host: string
  /** The fenced one: that of this host. */
  readonly site: string
  /** The run that fenced it. */
  readonly run: string
  /** When it was shown to be stopped, ISO-8601 UTC. */
  readonly fencedAt: string
  readonly databases: readonly DivergedDatabase[]
}

export interface DivergedDatabase {
  readonly component: string
  readonly incarnation: string
  /** Everything before it is in the data in service. */
  readonly forkLsn: string
  /** Where the data of that life lies; null where it is not on this host. */
  readonly directory: string | null
  /** Committed behind the fork, before and after the side was shown to be stopped. */
  readonly before: number
  readonly after: number
  /** Oldest first; at most `listed` of them. */
  readonly commits: readonly { readonly lsn: string; readonly xid: number; readonly at: string }[]
  /** Why there may be more than could be counted; null where everything is there. */
  readonly incomplete: string | null
}

export function addDiverged(program: Command, desk: () => Desk): void {
  program
    .command('diverged')
    .description('on a host of a fenced site: transactions that were committed there and are not in service; only reads')
    .argument('<system>')
    .option('--host <host>', 'this host, as the config names it; the one whose key lies here otherwise')
    .action(async (system: string, asked: { host?: string }) => {
      const { out, diverged } = desk()
      const report = await diverged(system, asked)
      out.result(report, () => show(out, report))
    })
}

/** Lines of commits that a person is shown; `--json` has them all. */
const shown = 40

function show(out: Output, report: DivergedReport): void {
  out.line(`${report.system}: site ${report.site} was fenced on ${report.fencedAt} by ${report.run}`)
  for (const database of report.databases) showDatabase(out, database)
  out.line('Transactions with an id are counted, also those of the server itself, such as autovacuum. Files are not compared.')
  out.line('Nothing is merged: look at the data with a server of your own on a copy of the directory, and bring over by hand what is needed.')
}

function showDatabase(out: Output, { component, directory, forkLsn, before, after, commits, incomplete }: DivergedDatabase): void {
  if (directory === null) {
    out.line(`  ${component}   the data that was fenced is not on this host`)
    return
  }
  out.line(`  ${component}   ${before + after} transactions behind ${forkLsn} in ${directory}: ${before} from before the fence, ${after} from after it`)
  for (const { lsn, xid, at } of commits.slice(0, shown)) out.line(`    ${lsn.padEnd(12)} ${at}   transaction ${xid}`)
  if (before + after > shown) out.line(`    … and ${before + after - shown} more; --json lists up to ${commits.length}`)
  if (incomplete !== null) out.warn(`${component}: ${incomplete}`)
}
