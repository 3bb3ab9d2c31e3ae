/** `muster audit`: what ended, proven; and its histories, replayed. */
import type { Command } from 'commander'
import type { AuditedRun } from '../../domain/audit.ts'
import type { Witness } from '../../domain/audit-judgement.ts'
import { isReachedBySite } from '../../domain/copies.ts'
import { MusterError } from '../../domain/failures.ts'
import { toMicros } from '../../domain/times.ts'
import { readKeyDocuments } from '../../repository/trust.ts'
import { keyListKey } from '../../domain/object-keys.ts'
import { exportAudit } from '../audit-export.ts'
import { type AuditReader, findRun, openAuditReader } from '../audit-reader.ts'
import { replayRun } from '../audit-replay.ts'
import { verifyAudit } from '../audit-verify.ts'
import { reviewRun } from '../audit-review.ts'
import { showFindings, showHeads, showReplay, showRuns } from './audit-view.ts'
import type { Desk } from './desk.ts'

const storeSeconds = 60

interface Choice {
  readonly system?: string
  readonly since?: string
}

export function addAudit(program: Command, desk: () => Desk): void {
  const audit = program.command('audit').description('evidence and histories of what was done: list, prove, replay, export')
  audit
    .command('list')
    .description('runs that are archived, newest first, and the newest record of each chain')
    .option('--system <system>', 'of this system only')
    .option('--since <time>', 'that ended at or after this time (UTC unless an offset is given)')
    .option('--limit <number>', 'at most so many', '50')
    .action((options: Choice & { limit: string }) => listRuns(desk(), options))
  audit
    .command('verify')
    .description('prove every record, evidence, history and replay kit in every store; exit code 1 when something was edited, is missing or was cut')
    .option('--head <site:number:sha256...>', 'a newest record that you wrote down: it must still be there')
    .action((options: { head?: string[] }) => verify(desk(), options.head ?? []))
  audit
    .command('replay')
    .description('replay an archived run with the code that decided it, and say whether the workflow has changed since')
    .argument('<run>', 'run id or its beginning, or workflow id (its newest run)')
    .option('--today', 'with the code of this installation alone')
    .action((run: string, options: { today?: boolean }) => replay(desk(), run, options.today ?? false))
  audit
    .command('export')
    .description('write records, evidence, histories and replay kits into a folder, for somebody without Muster')
    .argument('<directory>', 'a new or empty one')
    .option('--system <system>', 'runs of this system only')
    .option('--since <time>', 'runs that ended at or after this time')
    .option('--run <run...>', 'these runs only: run ids or their beginnings')
    .action((directory: string, options: Choice & { run?: string[] }) => writeExport(desk(), directory, options))
  audit
    .command('review')
    .description('note that you have looked at a run that is due for review, as one whose glass was broken')
    .argument('<run>', 'run id, as muster status shows it')
    .requiredOption('--note <text>', 'what you found')
    .action((run: string, options: { note: string }) => review(desk(), run, options.note))
}

async function readerOf(desk: Desk): Promise<AuditReader> {
  const { config } = await desk.applied(null)
  const reader = await openAuditReader({
    stores: Object.keys(config.stores),
    store: (name) => desk.store(config, name),
    verifier: await desk.verifier(),
    timeoutSeconds: storeSeconds,
  })
  for (const problem of reader.problems) desk.out.warn(problem)
  return reader
}

async function listRuns(desk: Desk, options: Choice & { limit: string }): Promise<void> {
  const { out } = desk
  const limit = Number(options.limit)
  if (!Number.isInteger(limit) || limit < 1) throw new MusterError('InvalidInput', `--limit takes a whole number, not "${options.limit}"`)
  const reader = await readerOf(desk)
  const wanted = chosen(options)
  const runs: AuditedRun[] = []
  for await (const { record } of reader.records()) {
    runs.push(...record.runs.filter(wanted))
    // Records are newest first; a run may stand in a later one than runs that ended after it, by a day at most.
    if (runs.length >= limit + 200) break
  }
  runs.sort((a, b) => (a.closedAt < b.closedAt ? 1 : -1))
  const shown = runs.slice(0, limit)
  out.result({ heads: reader.heads, runs: shown }, () => {
    showRuns(out, shown)
    showHeads(out, reader.heads)
  })
}

function chosen({ system, since }: Choice): (run: AuditedRun) => boolean {
  const from = since === undefined ? null : new Date(toMicros(since)).toISOString()
  return (run) => (system === undefined || run.system === system) && (from === null || run.closedAt >= from)
}

async function verify(desk: Desk, heads: readonly string[]): Promise<void> {
  const { out } = desk
  const { config } = await desk.applied(null)
  const given = heads.map(headOf)
  const found = await verifyAudit({
    stores: Object.keys(config.stores),
    store: (name) => desk.store(config, name),
    verifier: await desk.verifier(),
    expected: (store, site) => isReachedBySite(config, store, site),
    witnesses: [...(await desk.auditWitnesses()), ...given],
    now: () => new Date(),
    onProgress: (text) => out.progress(text),
  }).finally(() => out.progressDone())
  out.result(found, () => showFindings(out, found))
  if (found.problems.length > 0) process.exitCode = 1
}

function headOf(text: string): Witness {
  const [, site, sequence, sha256] = /^([a-z0-9][a-z0-9_-]*):(\d+):([0-9a-f]{64})$/.exec(text) ?? []
  if (site === undefined || sequence === undefined || sha256 === undefined) {
    throw new MusterError('InvalidInput', `--head takes SITE:NUMBER:SHA256 as muster audit list prints it, not "${text}"`)
  }
  return { who: 'you, who wrote it down,', head: { site, sequence: Number(sequence), sha256 } }
}

async function replay(desk: Desk, name: string, todayOnly: boolean): Promise<void> {
  const { out } = desk
  const reader = await readerOf(desk)
  const run = await findRun(reader, name)
  const replayed = await replayRun({ reader, replayer: desk.replayer, todayOnly, onProgress: (text) => out.progress(text) }, run).finally(() =>
    out.progressDone(),
  )
  out.result(replayed, () => showReplay(out, replayed))
  const proving = replayed.original ?? replayed.today
  if (proving && !proving.replays) process.exitCode = 1
}

async function writeExport(desk: Desk, directory: string, options: Choice & { run?: string[] }): Promise<void> {
  const { out } = desk
  const { config } = await desk.applied(null)
  const reader = await readerOf(desk)
  const wanted = chosen(options)
  const names = options.run
  const exported = await exportAudit(
    {
      reader,
      keyLists: await keyListsOf(desk, Object.keys(config.stores)),
      wanted: (run) => wanted(run) && (names === undefined || names.some((name) => name.length >= 8 && run.runId.startsWith(name))),
      onProgress: (text) => out.progress(text),
    },
    directory,
  ).finally(() => out.progressDone())
  out.result(exported, () => {
    out.line(`${exported.runs} runs of ${exported.records} records in ${exported.directory}; README.md there says how to prove them`)
    for (const key of exported.missing) out.line(`  ✗ ${key}: no store has it`)
  })
  if (exported.missing.length > 0) process.exitCode = 1
}

/** From the first store that has them. */
async function keyListsOf(desk: Desk, stores: readonly string[]) {
  const { config } = await desk.applied(null)
  const problems: string[] = []
  for (const name of stores) {
    try {
      const documents = await readKeyDocuments(await desk.store(config, name))
      if (documents.length > 0) return documents.map(({ bytes }, index) => ({ key: keyListKey(index + 1), bytes }))
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      problems.push(`${name}: ${error.message}`)
    }
  }
  throw new MusterError('ObjectMissing', `no store has a key list; ${problems.join('; ')}`)
}

async function review(desk: Desk, run: string, note: string): Promise<void> {
  const { config } = await desk.applied(null)
  const verifier = await desk.verifier()
  const reviewed = await reviewRun(
    {
      config,
      verifier,
      store: (name) => desk.store(config, name),
      cache: desk.cacheOf(Object.values(config.sites)[0]?.hosts[0] ?? 'localhost'),
      by: desk.user,
      record: (system, what) => desk.recordReview(config, system, what),
    },
    run,
    note,
  )
  desk.out.result(reviewed, () => desk.out.line(`${reviewed.workflowId} of ${reviewed.system} was reviewed by ${desk.user}`))
}
