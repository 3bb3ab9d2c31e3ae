import { MusterError } from '../../../domain/failures.ts'
import { madeAfterStop } from '../../../domain/move.ts'
import type { FilesManifest } from '../../../domain/repository-format.ts'
import {
  countsOf,
  differenceLine,
  type DifferenceFigures,
  firstLines,
  inOrder,
  noCounts,
  type ShownDifference,
  type StoredDifference,
} from '../../../domain/shown-difference.ts'
import { rootPath } from '../../../domain/tree-path.ts'
import { leftOutBy, substitutionsOf } from '../../../domain/tree-rules.ts'
import { readCatalog, readManifest } from '../../../repository/catalog.ts'
import { storeDifference } from '../../../repository/differences.ts'
import type { Agent } from '../../agent.ts'
import { componentOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { type RuledTree, withRuledTree } from './ruled-tree.ts'
import { storeSeconds } from './stores-out.ts'
import type { TreeStep } from './types.ts'

export interface CompareTreeInput extends TreeStep {
  readonly decisionHash: string
  /** A plan that people wait for goes on without it after so long. */
  readonly withinSeconds: number
}

const mostNames = 500_000
const mostReadBytes = 1024 ** 3
const keptLinesBytes = 48 * 1024 * 1024

/**
 * Holds a tree at its target against the backup and the rules of a plan, name by name.
 *
 * Effect: the whole of it as an encrypted object in each store that takes it; nothing else.
 * Idempotent: yes; made again, it leaves one more object.
 * Heartbeat: names compared.
 * Fails with: never for what is there or for a store: what is not known is said, and a plan goes on without it. Cancelled.
 */
export function compareTree(agent: Agent) {
  return async (input: CompareTreeInput, work: Work): Promise<ShownDifference> => {
    const about = { component: input.component, host: agent.host, takenAt: agent.now().toISOString() }
    let backup = input.decision.backup
    try {
      const manifest = await manifestOf(agent, input)
      backup = manifest.backup
      const limit = AbortSignal.timeout(input.withinSeconds * 1000)
      const within = { signal: AbortSignal.any([work.signal, limit]), label: work.label }
      return await withRuledTree(agent, input, manifest, within, 'compare', async (tree) => {
        const compared = await compareMembers(agent, input, tree, { ...work, ...within }).catch((error: unknown) => {
          if (limit.aborted && !work.signal.aborted) throw new MusterError('Timeout', `it takes longer than ${input.withinSeconds} s`, { cause: error })
          throw error
        })
        return shown(agent, input, tree, { ...about, backup, problem: null, counts: compared.counts, keptBytes: compared.keptBytes }, compared.lines)
      })
    } catch (error) {
      if (!(error instanceof MusterError) || work.signal.aborted) throw error
      return { ...about, backup, problem: error.message, counts: noCounts, keptBytes: 0, key: '', sha256: '', stores: [] }
    }
  }
}

/** Of a planned move, whose own is made later, the newest there is. */
async function manifestOf(agent: Agent, { configHash, system, component, decision }: TreeStep): Promise<FilesManifest> {
  const { config } = await agent.config(configHash)
  const store = await agent.store(config, decision.fromStore)
  const deps = { verifier: await agent.verifier(config), cache: agent.cache }
  if (decision.backup !== madeAfterStop) return (await readManifest(deps, store, system, component, decision.backup)) as FilesManifest
  const { manifests, damaged } = await readCatalog(deps, store, system)
  const whole = manifests.filter((one) => one.component === component && one.type === 'files' && !damaged.some(({ backup }) => backup === one.backup))
  const newest = whole.at(-1)
  if (!newest) throw new MusterError('BackupNotFound', `store "${decision.fromStore}" has no backup of ${system}/${component}`)
  return newest as FilesManifest
}

async function compareMembers(agent: Agent, step: TreeStep, { index, members, manifest }: RuledTree, work: Work) {
  const { rules, newerFiles } = step.decision
  const leftOut = rules ? leftOutBy(rules) : () => null
  const named = substitutionsOf(rules?.substitute ?? [])
  const newer =
    newerFiles === 'discard' ? null : { after: nanoseconds(manifest.startedAt), until: step.target.kind === 'time' ? nanoseconds(step.target.time) : null }
  const all: { lines: string[]; same: number; keptBytes: number; differences: Parameters<typeof countsOf>[0][number][] } = {
    lines: [],
    same: 0,
    keptBytes: 0,
    differences: [],
  }
  const tooMuch: string[] = []
  for (const { member, number, root, ownEntry, fileName } of members) {
    const compared = await agent.files.compareTree(
      {
        root,
        leftOut,
        substituted: (path) => named(root, path).length > 0,
        newer,
        number,
        directory: member.path,
        index: index.entries(),
        ownEntry,
        fileName,
        mostNames,
        mostReadBytes,
      },
      { signal: work.signal, label: work.label, onProgress: (progress) => work.progress(progress) },
    )
    // One by one: as arguments, as many as a large tree has would not fit.
    for (const one of compared.differences) all.differences.push(one)
    for (const one of inOrder(compared.differences)) all.lines.push(differenceLine({ ...one, path: shownBelow(fileName, one.path) }, root.goes))
    all.same += compared.same
    all.keptBytes += compared.keptBytes
    if (compared.passedBy > 0) tooMuch.push(`${compared.passedBy} sockets, fifos, devices or mounted filesystems in ${root.goes} are not compared`)
  }
  return { counts: countsOf(all.differences, all.same), keptBytes: all.keptBytes, lines: [...tooMuch, ...all.lines] }
}

/** Of a path that is one file, the file is the path itself. */
function shownBelow(fileName: string | null, path: string): string {
  if (fileName === null) return path
  return path === fileName ? rootPath : path.slice(fileName.length + 1)
}

function nanoseconds(time: string): bigint {
  return BigInt(Date.parse(time)) * 1_000_000n
}

async function shown(
  agent: Agent,
  input: CompareTreeInput,
  { stagingDirectory }: RuledTree,
  figures: DifferenceFigures,
  lines: readonly string[],
): Promise<ShownDifference> {
  if (lines.length === 0) return { ...figures, key: '', sha256: '', stores: [] }
  const { config } = await agent.config(input.configHash)
  const stored: StoredDifference = {
    ...figures,
    format: 'muster-difference-1',
    organisation: config.organisation,
    system: input.system,
    decision: input.decisionHash,
    takenBy: agent.host,
    ...firstLines(lines, keptLinesBytes),
  }
  const names = componentOf(config, input.system, input.component).stores
  const places = names.map((name) => ({ name, open: () => agent.store(config, name) }))
  try {
    const { key, sha256, stores } = await storeDifference(places, await agent.signer(), agent.encryption(config), stored, {
      stagingDirectory,
      secondsEach: storeSeconds,
    })
    return { ...figures, key, sha256, stores }
  } catch (error) {
    // Without a key to sign with the counts are as true.
    if (!(error instanceof MusterError)) throw error
    return { ...figures, key: '', sha256: '', stores: [] }
  }
}
