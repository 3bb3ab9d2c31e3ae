/** Plans one tree: the newest backup that ended at or before the moment the databases are brought back to. */
import type { Config, FilesComponentConfig, SystemConfig } from '../../../domain/config.ts'
import type { ControlState } from '../../../domain/control-state.ts'
import type { FilesDecision } from '../../../domain/decision.ts'
import { MusterError } from '../../../domain/failures.ts'
import { isPlanned, madeAfterStop } from '../../../domain/move.ts'
import type { FilesManifest } from '../../../domain/repository-format.ts'
import type { TreeObservation } from '../../../domain/target.ts'
import { isBefore, secondsBetween } from '../../../domain/times.ts'
import type { TreeRules } from '../../../domain/tree-rules.ts'
import { readCatalog } from '../../../repository/catalog.ts'
import type { Agent } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { sameLoss, treeLoss } from './losses.ts'
import { refuseTooSmall, setAsideBytes } from './plan-figures.ts'
import type { ComponentPlan } from './plan-restore.ts'
import { planRules, pathsOfBackup } from './plan-rules.ts'
import type { PlanRestoreInput } from './types.ts'

export interface TreePlanning {
  readonly agent: Agent
  readonly config: Config
  readonly system: SystemConfig
  readonly state: ControlState
  readonly input: PlanRestoreInput
  readonly name: string
  readonly component: FilesComponentConfig
  readonly observation: TreeObservation
  /** The moment the databases of this plan reach; null without a database. */
  readonly reached: string | null
  readonly work: Work
}

export async function planTree(planning: TreePlanning): Promise<ComponentPlan> {
  const { input, observation, name, reached } = planning
  if (input.into && observation.members.some((one) => one.content === 'tree')) {
    throw new MusterError('TargetNotEmpty', `${input.into.directory} is not empty`, { hint: 'name an empty or new directory: --into DIR' })
  }
  const approved = input.pinned?.components.find((one) => one.component === name && one.type === 'files') as FilesDecision | undefined
  const pinned = approved && approved.backup !== madeAfterStop ? approved : undefined
  if (input.back !== null) return planTreeBack(planning, input.back)
  const limit = limitOf(input, reached)
  const { manifest, storeName, warnings } = await chooseBackup(planning, limit, pinned)
  const renamed = await renamedPaths(planning, manifest, pinned)
  const freeBytes = Math.min(...observation.members.map((one) => one.freeBytes))
  const aside = input.into ? 0 : asideBytes(observation, manifest.files.dataSizeBytes)
  const neededBytes = manifest.files.dataSizeBytes + aside
  refuseTooSmall(`${input.system}/${name}`, observation.members[0]?.path ?? '', neededBytes, freeBytes)
  // Of a move, what lies at the target is from another stay there.
  const newerFiles = input.move ? 'discard' : (input.newerFiles ?? planning.system.restore.newerFiles)
  const ruled = await planRules(planning, manifest)
  const skewSeconds = reached === null ? null : Math.round(secondsBetween(manifest.endedAt, reached))
  return {
    decision: decisionOf(planning, manifest, storeName, newerFiles, ruled.rules),
    point: { component: name, at: manifest.endedAt, skewSeconds, why: `newest backup that ended at or before ${limit ?? 'now'}` },
    newestReachableAt: null,
    loss: treeLoss(planning, manifest, newerFiles),
    space: [{ path: observation.members[0]?.path ?? '', neededBytes, freeBytes }],
    tailSources: [],
    warnings: [...warnings, ...renamed, ...ruled.warnings],
    amount: { dataBytes: manifest.files.dataSizeBytes, walBytes: 0, copiedBytes: aside },
  }
}

/** Beside, each path comes into a folder of its own; of a planned move the backup is not made yet. */
async function renamedPaths(
  { agent, input, name, component }: TreePlanning,
  { files }: FilesManifest,
  pinned: FilesDecision | undefined,
): Promise<readonly string[]> {
  if (input.into || (isPlanned(input.procedure) && !pinned)) return []
  const { whole } = await agent.config(input.configHash)
  return pathsOfBackup(whole, { system: input.system, component: name, paths: files.paths }, component.paths)
}

function asideBytes({ members }: TreeObservation, newBytes: number): number {
  const copied = members.filter(({ setAside }) => setAside === 'copy')
  if (copied.length === 0) return 0
  const oldBytes = copied.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return setAsideBytes('copy', oldBytes, newBytes)
}

/** Trees have backups, not windows: for a moment T the newest backup that ended at or before T counts. */
function limitOf(input: PlanRestoreInput, reached: string | null): string | null {
  if (input.target.kind === 'time') return input.target.time
  if (input.target.kind === 'latest' || input.target.kind === 'backup') return null
  return reached
}

async function chooseBackup(planning: TreePlanning, limit: string | null, pinned: FilesDecision | undefined) {
  const { agent, config, input, name, component } = planning
  const verifier = await agent.verifier(config)
  const candidates = pinned
    ? [pinned.fromStore]
    : input.from !== null
      ? [input.from]
      : [...component.stores].sort((a, b) => Number(config.stores[a]?.type === 's3') - Number(config.stores[b]?.type === 's3'))
  const found: { manifest: FilesManifest; storeName: string }[] = []
  const warnings: string[] = []
  let oldest: string | null = null
  for (const storeName of candidates) {
    try {
      const catalog = await readCatalog(
        { verifier, cache: agent.cache, suspicions: planning.state.suspicions },
        await agent.store(config, storeName),
        input.system,
      )
      const damaged = new Set(catalog.damaged.map(({ backup }) => backup))
      warnings.push(
        ...catalog.damaged.map((one) => `${storeName}: ${one.backup}: ${one.key} ${one.problem}`),
        ...catalog.invalid.map((one) => `${storeName}: ${one.problem}`),
      )
      const mine = catalog.manifests.filter((one): one is FilesManifest => one.type === 'files' && one.component === name && !damaged.has(one.backup))
      oldest ??= mine[0]?.endedAt ?? null
      const wanted = wantedBackup(input, pinned)
      const manifest = mine.filter((one) => (wanted === null || one.backup === wanted) && (limit === null || !isBefore(limit, one.endedAt))).at(-1)
      if (manifest) found.push({ manifest, storeName })
    } catch (error) {
      if (!(error instanceof MusterError)) throw error
      warnings.push(error.message)
    }
  }
  const [first, ...others] = found
  if (!first) {
    const when = limit === null ? '' : ` that ended at or before ${limit}${oldest === null ? '' : `; the oldest ended ${oldest}`}`
    const why = warnings.length > 0 ? `; ${warnings.join('; ')}` : ''
    throw new MusterError(oldest === null ? 'BackupNotFound' : 'RecoveryTargetUnreachable', `there is no backup of ${input.system}/${name}${when}${why}`)
  }
  const best = others.reduce((a, b) => (b.manifest.backup > a.manifest.backup ? b : a), first)
  return { ...best, warnings }
}

/** With `--backup` naming a database's backup the tree backup of the same run would be ideal; the newest is taken. */
function wantedBackup(input: PlanRestoreInput, pinned: FilesDecision | undefined): string | null {
  if (pinned) return pinned.backup
  return input.target.kind === 'backup' && input.components?.length === 1 ? input.target.backup : null
}

function decisionOf(
  planning: TreePlanning,
  manifest: FilesManifest,
  storeName: string,
  newerFiles: 'keep' | 'discard',
  rules: TreeRules | null,
): FilesDecision {
  const { input, name, component, observation } = planning
  return {
    type: 'files',
    component: name,
    host: component.host,
    fromStore: storeName,
    backup: isPlanned(input.procedure) ? madeAfterStop : manifest.backup,
    members: component.paths.map((path, index) => {
      const member = observation.members[index]
      return { path, into: member?.path ?? path, setAside: input.into ? 'none' : (member?.setAside ?? 'none'), safetyPath: null }
    }),
    only: input.path,
    newerFiles: input.into ? 'discard' : newerFiles,
    ...(rules && { rules }),
  }
}

function planTreeBack({ agent, input, name, component, observation, state }: TreePlanning, run: string): ComponentPlan {
  const set = state.safetySets.find((one) => one.run === run && one.members.some((member) => member.component === name))
  if (!set) throw new MusterError('BackupNotFound', `run ${run} kept no safety set of ${input.system}/${name}`)
  const members = component.paths.map((path, index) => {
    const into = observation.members[index]?.path ?? path
    const safety = set.members.find((one) => one.path === into)
    return { path, into, setAside: observation.members[index]?.setAside ?? ('none' as const), safetyPath: safety?.safetyPath ?? null }
  })
  return {
    decision: {
      type: 'files',
      component: name,
      host: component.host,
      fromStore: component.stores[0] ?? '',
      backup: `safety:${run}`,
      members,
      only: null,
      newerFiles: 'discard',
    },
    point: { component: name, at: set.at, skewSeconds: null, why: `safety set of run ${run}` },
    newestReachableAt: null,
    loss: sameLoss(`${name}: files changed since ${set.at} are set aside, not lost`, secondsBetween(set.at, agent.now().toISOString())),
    space: [],
    tailSources: [],
    warnings: [],
    amount: { dataBytes: 0, walBytes: 0, copiedBytes: 0 },
  }
}
