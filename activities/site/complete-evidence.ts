/** Adds to what a run knows of itself what others know of it: its history, its manifests, its objectives. */
import type { Config } from '../../domain/config.ts'
import { type Evidence, missedObjectives, type RecoveredComponent, type RunEvidence } from '../../domain/evidence.ts'
import { MusterError } from '../../domain/failures.ts'
import type { RunRan } from '../../domain/run-history.ts'
import { canonicalJson } from '../../domain/canonical-json.ts'
import { installationChain } from '../../domain/object-keys.ts'
import { readManifest } from '../../repository/catalog.ts'
import { sha256Hex } from '../../repository/signed-document.ts'
import { within } from '../../repository/within.ts'
import { type Agent, systemOf } from '../agent.ts'
import { knownAuditHead } from './audit-head.ts'
import { activityIdOf, type Work } from '../boundary.ts'

const lookSeconds = 30

/** What cannot be found out is left out and named: evidence with a hole is better than none. @throws MusterError UnknownName */
export async function completeEvidence(agent: Agent, config: Config, configHash: string, run: RunEvidence, work: Work): Promise<Evidence> {
  const objectives = run.system === installationChain ? run.objectives : systemOf(config, run.system).objectives
  const [recovered, { ran, problem }, auditHead] = await Promise.all([
    Promise.all(run.recovered.map((one) => withManifest(agent, config, run.system, one))),
    ranBy(agent, run, work),
    knownAuditHead(agent, config),
  ])
  const missed = missedObjectives(objectives, run.measured).filter((text) => !run.deviations.includes(text))
  return {
    ...run,
    organisation: config.organisation,
    configHash: run.configHash || configHash,
    objectives,
    recovered,
    deviations: [...run.deviations, ...missed, ...(problem === null ? [] : [problem])],
    ran,
    writer: { host: agent.host, machineId: agent.machineId, muster: agent.musterVersion, tools: agent.tools },
    auditHead,
  }
}

async function ranBy(agent: Agent, { run }: RunEvidence, work: Work): Promise<{ readonly ran: RunRan | null; readonly problem: string | null }> {
  try {
    return { ran: await within(lookSeconds, () => agent.histories.soFar(run, activityIdOf(work)), 'Temporal'), problem: null }
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    return { ran: null, problem: `who carried out which step is not recorded here: ${error.message}` }
  }
}

async function withManifest(agent: Agent, config: Config, system: string, one: RecoveredComponent): Promise<RecoveredComponent> {
  if (one.manifestSha256 !== null) return one
  try {
    const manifest = await within(
      lookSeconds,
      async () => {
        const deps = { verifier: await agent.verifier(config), cache: agent.cache }
        return readManifest(deps, await agent.store(config, one.fromStore), system, one.component, one.backup)
      },
      `store "${one.fromStore}"`,
    )
    return { ...one, manifestSha256: sha256Hex(`${canonicalJson(manifest)}\n`), at: one.at ?? (manifest.type === 'files' ? manifest.endedAt : null) }
  } catch (error) {
    if (!(error instanceof MusterError)) throw error
    return one
  }
}
