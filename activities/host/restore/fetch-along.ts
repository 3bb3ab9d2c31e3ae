/** Fetches the WAL that leads a copy to its target, life by life, into the `wal` folder of its member. */
import { access, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../../../domain/config.ts'
import type { WalShipmentName } from '../../../domain/object-keys.ts'
import { formatLsn, isSegmentName, type Lsn, parseLsn, parseSegmentName } from '../../../domain/wal.ts'
import { planFetch } from '../../../domain/wal-shipments.ts'
import { chooseRecovery } from '../../../repository/recovery-choice.ts'
import { fetchWal } from '../../../repository/wal-fetch.ts'
import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { asideQuarantine, databaseMember, walDirectory } from './places.ts'
import { replayBytes } from './plan-figures.ts'
import { readState, viewStore } from './repository-view.ts'
import type { DatabaseStep, PrefetchedWal } from './types.ts'
import { wholeAttempt } from './whole-attempt.ts'

/** @param replayedLsn how far the copy was replayed before: what it was given of that segment and later ones has grown; null for a new copy */
export async function fetchAlong(
  agent: Agent,
  config: Config,
  step: DatabaseStep,
  { replayedLsn }: { readonly replayedLsn: string | null },
  work: Work,
): Promise<PrefetchedWal> {
  const startedAt = Date.now()
  const store = await agent.store(config, step.decision.fromStore)
  const state = await readState(agent, config, step.system)
  const repository = await viewStore(agent, config, step.system, step.component, step.decision.fromStore, state)
  const choice = await chooseRecovery(repository, state, step.component, step.target, {
    incarnation: step.decision.incarnation,
    pinnedBackup: step.decision.backup,
  })
  const directory = walDirectory(databaseMember(agent, step))
  const size = choice.manifest.postgresql.segmentSizeBytes
  await beginWal(directory, step)
  if (replayedLsn !== null) await removeFrom(directory, parseLsn(replayedLsn), size)
  const fromLsn = (await redoOf(agent, config, step)) ?? parseLsn(choice.path.base.startLsn)
  const parts = {
    store,
    decryption: await agent.decryption(config, step.identityFile),
    verifier: await agent.verifier(config),
    decompressToFile: agent.postgresql.decompressToFile,
  }
  const { incarnations } = choice.path
  let segments = 0
  let sizeBytes = 0
  let lastCommitAt: string | null = null
  const onProgress = ({ files, totalFiles, bytes }: { files: number; totalFiles: number; bytes: number }) =>
    work.progress({ phase: `WAL ${files} of ${totalFiles} files`, doneBytes: sizeBytes + bytes, totalBytes: null })
  // Newest first: where parent and child share a timeline's number, the child's file is the one that counts.
  for (const [index, life] of [...incarnations.entries()].reverse()) {
    const fork = incarnations[index + 1]?.forkLsn
    const beganLsn = index === 0 ? parseLsn(choice.path.base.startLsn) : parseLsn(life.forkLsn as string)
    const plan = planFetch(repository.shipments.get(life.incarnation) ?? [], {
      timelineId: life.timelineId,
      fromLsn: beganLsn > fromLsn ? beganLsn : fromLsn,
      untilLsn: fork ? parseLsn(fork) + 1n : choice.fetchUntilLsn,
      segmentSizeBytes: size,
    })
    const place = { system: step.system, component: step.component, incarnation: life.incarnation }
    const fetched = await fetchWal(parts, place, plan, directory, { signal: work.signal, onProgress })
    segments += plan.segments.length
    sizeBytes += plan.segments.length * size
    lastCommitAt ??= fetched.lastCommitAt
  }
  await fetchOtherHistories(
    repository.shipments,
    incarnations.map((one) => one.incarnation),
    (incarnation, histories) =>
      fetchWal(
        parts,
        { system: step.system, component: step.component, incarnation },
        { segmentSizeBytes: size, segments: [], histories, endLsn: 0n },
        directory,
        { signal: work.signal },
      ),
  )
  const whole = wholeAttempt(work, step, startedAt, replayBytes(choice))
  return { segments, untilLsn: formatLsn(choice.fetchUntilLsn), lastCommitAt, sizeBytes, ...(whole && { fetched: whole }) }
}

/** Where recovery of a copy that was replayed before begins; null for one that begins at its backup, as its label says. */
async function redoOf(agent: Agent, config: Config, step: DatabaseStep): Promise<Lsn | null> {
  if (step.mode !== 'standby' && step.decision.standby === undefined) return null
  const { directory } = asideQuarantine(agent, step)
  const labelled = await access(join(directory, 'backup_label')).then(
    () => true,
    () => false,
  )
  if (labelled) return null
  const facts = await agent.postgresql.inspectDataDirectory(await agent.instance(config, step.system, step.component), directory)
  return facts === null ? null : parseLsn(facts.redoLsn)
}

/** Files of this run stay, whichever attempt fetched them; those of another run go, however far their removal came. */
async function beginWal(directory: string, step: DatabaseStep): Promise<void> {
  const note = join(directory, '.muster-run')
  if ((await readFile(note, 'utf8').catch(() => '')) === step.run) return
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true, mode: 0o711 })
  await writeFile(note, step.run, { mode: 0o600 })
}

async function removeFrom(directory: string, lsn: Lsn, segmentSizeBytes: number): Promise<void> {
  for (const name of await readdir(directory)) {
    if (isSegmentName(name) && parseSegmentName(name, segmentSizeBytes).startLsn + BigInt(segmentSizeBytes) > lsn) await rm(join(directory, name))
  }
}

/** The history files of every other branch, so that PostgreSQL never gives a timeline's number twice. */
async function fetchOtherHistories(
  shipments: ReadonlyMap<string, readonly WalShipmentName[]>,
  onPath: readonly string[],
  fetch: (incarnation: string, histories: readonly WalShipmentName[]) => Promise<unknown>,
): Promise<void> {
  for (const [incarnation, names] of shipments) {
    if (onPath.includes(incarnation)) continue
    const histories = [...new Map(names.filter(({ kind }) => kind === 'history').map((name) => [name.segment, name])).values()]
    if (histories.length > 0) await fetch(incarnation, histories)
  }
}
