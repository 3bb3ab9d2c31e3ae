import { lstat, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { SystemConfig } from '../../../domain/config.ts'
import type { RecoveryTarget, RestoreDecision } from '../../../domain/decision.ts'
import { decisionText } from '../../../domain/decision.ts'
import type { DrillKind } from '../../../domain/evidence.ts'
import { joinedDuration } from '../../../domain/forecast.ts'
import { MusterError } from '../../../domain/failures.ts'
import { canonicalJson } from '../../../domain/canonical-json.ts'
import { type CheckThen, checkName } from '../../../domain/shrunk-checks.ts'
import { readManifest } from '../../../repository/catalog.ts'
import { sha256Hex } from '../../../repository/signed-document.ts'
import { type Agent, systemOf } from '../../agent.ts'
import type { Work } from '../../boundary.ts'
import { observeTargets } from '../restore/observe-targets.ts'
import { refuseProduction } from '../restore/in-service.ts'
import { planRestore } from '../restore/plan-restore.ts'
import type { RestorePlan } from '../restore/types.ts'
import { chooseMoment } from './choose-moment.ts'
import { drillFolder, drillsFolder } from './drill-place.ts'

export interface PlanDrillInput {
  readonly system: string
  readonly kind: DrillKind
  readonly components: readonly string[] | null
  readonly from: string | null
  /** A recovery point chosen by chance instead of the newest. */
  readonly random: boolean
  /** The moment that was asked for, where one was. */
  readonly at?: string
  /** Where it is rehearsed: this host. */
  readonly host: string
  readonly configHash: string | null
  readonly requester: string
  readonly run: string
}

export interface DrillPlan extends RestorePlan {
  readonly kind: DrillKind
  readonly objectives: SystemConfig['objectives']
  readonly why: string
  /** Per component: what is restored, as its manifest says. */
  readonly manifests: readonly {
    readonly component: string
    readonly manifestSha256: string
    readonly endedAt: string
    readonly checks: readonly CheckThen[]
  }[]
}

/** Longer than any run of a drill may take: what is older belongs to one that died with its worker. */
const leftoverSeconds = 49 * 3600

/**
 * Plans a drill on this host: chooses the recovery point and, per component, backup and place, and removes what drills
 * that died here long ago have left.
 *
 * Effect: an empty folder for the drill; leftovers of older ones are gone.
 * Idempotent: yes, except that another random moment may be chosen.
 * Heartbeat: each component planned.
 * Fails with: WrongTarget (the folder is where something is in service), and what a plan of a restore fails with.
 */
export function planDrill(agent: Agent) {
  return async (input: PlanDrillInput, work: Work): Promise<DrillPlan> => {
    const { config, hash } = await agent.config(input.configHash)
    const system = systemOf(config, input.system)
    const folder = drillFolder(agent, input)
    await refuseProduction(config, folder)
    await reap(agent)
    await mkdir(folder, { recursive: true, mode: 0o711 })
    const names = componentsOf(system, input)
    const targets = await chooseMoment(agent, config, system, input, names)
    const plans: RestorePlan[] = []
    for (const name of names) {
      work.progress({ phase: name, doneBytes: plans.length, totalBytes: null })
      plans.push(await planOne(agent, input, hash, name, targets.of(name), join(folder, name), work))
    }
    const [first, ...others] = plans
    if (!first) throw new MusterError('NothingToDo', `system "${input.system}" has nothing to restore`)
    const decision: RestoreDecision = { ...first.decision, target: targets.overall, components: plans.flatMap((one) => one.decision.components) }
    const manifests = await Promise.all(decision.components.map((one) => manifestOf(agent, input.system, hash, one)))
    return {
      ...first,
      // Each is planned by itself, and each promises its own.
      forecast: {
        ...first.forecast,
        recoveryPoint: plans.flatMap(({ forecast }) => forecast.recoveryPoint),
        ...joinedDuration([first.forecast, ...others.map(({ forecast }) => forecast)]),
      },
      decision,
      decisionHash: sha256Hex(decisionText(decision)),
      kind: input.kind,
      objectives: system.objectives,
      why: targets.why,
      manifests,
    }
  }
}

/** Databases first: what they reach decides which tree fits. */
function componentsOf(system: SystemConfig, input: PlanDrillInput): readonly string[] {
  const names = input.components ?? Object.keys(system.components)
  const unknown = names.find((name) => !system.components[name])
  if (unknown !== undefined) {
    throw new MusterError('UnknownName', `system "${input.system}" has no component "${unknown}"; it has: ${Object.keys(system.components).join(', ')}`)
  }
  if (input.kind === 'component' && names.length !== 1) {
    throw new MusterError('InvalidInput', 'a drill of kind component takes one component', { hint: `name it: --component ${names[0]}` })
  }
  const rank = (name: string) => (system.components[name]?.type === 'postgresql' ? 0 : 1)
  return [...names].sort((a, b) => rank(a) - rank(b))
}

async function planOne(
  agent: Agent,
  input: PlanDrillInput,
  configHash: string,
  component: string,
  target: RecoveryTarget,
  directory: string,
  work: Work,
): Promise<RestorePlan> {
  const into = { directory, port: null }
  const observations = await observeTargets(agent)({ system: input.system, components: [component], services: [], configHash, into }, work)
  return planRestore(agent)(
    {
      procedure: 'drill',
      system: input.system,
      components: [component],
      target,
      incarnation: null,
      from: input.from,
      into,
      path: null,
      back: null,
      openWith: [],
      newerFiles: null,
      stopFirst: false,
      requester: input.requester,
      expiresAt: null,
      onHost: input.host,
      configHash,
      observations,
      pinned: null,
    },
    work,
  )
}

async function manifestOf(
  agent: Agent,
  system: string,
  configHash: string,
  one: RestoreDecision['components'][number],
): Promise<DrillPlan['manifests'][number]> {
  const { config } = await agent.config(configHash)
  const component = systemOf(config, system).components[one.component]
  const asked = component?.type === 'postgresql' ? component.checks : []
  const onlyMost = new Set(asked.filter(({ min, max }) => max !== undefined && min === undefined).map(({ sql }) => checkName(sql)))
  const deps = { verifier: await agent.verifier(config), cache: agent.cache }
  const manifest = await readManifest(deps, await agent.store(config, one.fromStore), system, one.component, one.backup)
  return {
    component: one.component,
    manifestSha256: sha256Hex(`${canonicalJson(manifest)}\n`),
    endedAt: manifest.endedAt,
    checks: manifest.type === 'postgresql' ? manifest.postgresql.checks.map((then) => ({ ...then, ...(onlyMost.has(then.name) && { onlyMost: true }) })) : [],
  }
}

/** By the age of the folder itself: one that another drill has just made holds nothing yet. */
async function reap(agent: Agent): Promise<void> {
  for (const name of await readdir(drillsFolder(agent)).catch(() => [])) {
    const folder = join(drillsFolder(agent), name)
    const facts = await lstat(folder).catch(() => null)
    if (!facts || agent.now().getTime() - facts.mtimeMs < leftoverSeconds * 1000) continue
    // No drill makes a link: what it leads to has users of its own.
    if (facts.isDirectory()) await agent.members.endUsersOf(folder)
    await rm(folder, { recursive: true, force: true })
  }
}
